// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <atomic>
#include <random>
#include <thread>

#include "datapath/publisher.hpp"
#include "datapath/rx_engine.hpp"
#include "datapath/tx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

TEST_CASE("before anything is published, frames are dropped and counted") {
    const NothingLost check;
    Rcu rcu(1);
    Publisher publisher(rcu);
    const Snapshot* s = publisher.slot().load();
    Lane lane(0, 1, publisher.slot(), LogicalQueue{});
    Frames burst = frames(0, 32);
    s->tx_burst(lane, *s, burst.data(), 32);
    CHECK(lane.counters.drops[static_cast<unsigned>(DropReason::no_member)].get() == 32);
    CHECK(s->rx_count == 0);
}

TEST_CASE("a snapshot is not given out again while a worker may hold it") {
    Rcu rcu(1);
    rcu.online(0);
    Publisher publisher(rcu);
    unsigned published = 0;
    for (Snapshot* s; (s = publisher.draft()) != nullptr; ++published) {
        REQUIRE(s != publisher.slot().load());
        publisher.publish(s);
        publisher.retire();
        REQUIRE(published < 100);
    }
    CHECK(published > 0);
    CHECK_FALSE(publisher.settled());
    rcu.quiescent(0);
    publisher.retire();
    CHECK(publisher.settled());
    CHECK(publisher.draft() != nullptr);
    CHECK(publisher.slot().load()->generation == published);
    rcu.offline(0);
}

TEST_CASE("a worker that sleeps holds nothing up") {
    Rcu rcu(1);
    rcu.online(0);
    rcu.offline(0);
    Publisher publisher(rcu);
    for (int i = 0; i < 100; ++i) {
        Snapshot* s = publisher.draft();
        REQUIRE(s != nullptr);
        publisher.publish(s);
        publisher.retire();
    }
    CHECK(publisher.settled());
}

TEST_CASE("thousands of changes while a worker sends: no frame is lost unseen, no snapshot changes under it",
          "[threads]") {
    const NothingLost check;
    constexpr int kChanges = 5000;
    constexpr unsigned kMembers = 4;
    Rig rig(Mode::balance_rr, kMembers); // lends its members
    Rcu rcu(1);
    Publisher publisher(rcu);
    Lane lane(0, 1, publisher.slot(), LogicalQueue{});
    std::atomic<bool> online{false}, over{false};
    std::uint64_t offered = 0, torn = 0, drained = 0;

    std::thread worker([&] {
        rcu.online(0);
        online = true;
        std::uint64_t last = 0;
        for (std::uint32_t number = 0; !over; number += 32) {
            const Snapshot* s = &newest(lane);
            // What control wrote as one must be seen as one: as many members as the mask says, and time does
            // not go back.
            torn += s->tx_count != static_cast<unsigned>(__builtin_popcount(s->senders.bits())) ||
                    s->generation < last;
            last = s->generation;
            Frames burst = frames(number, 32);
            s->tx_burst(lane, *s, burst.data(), 32);
            offered += 32;
            torn += s->generation != last;
            for (unsigned k = 0; k < kMembers; ++k) drained += take_numbers(rig.port(k)).size();
            rcu.quiescent(0);
        }
        for (unsigned k = 0; k < kMembers; ++k) drained += take_numbers(rig.port(k)).size();
        rcu.offline(0);
    });

    while (!online) std::this_thread::yield();
    std::mt19937 random(7);
    std::vector<TxBurstFn> modes;
    std::vector<std::unique_ptr<Controller>> controllers;
    constexpr Mode kModes[] = {Mode::balance_rr, Mode::active_backup, Mode::balance_xor, Mode::balance_spray};
    BondOptions options;
    options.xmit_hash_policy = HashPolicy::layer34;
    for (const Mode m : kModes) {
        modes.push_back(find_mode(m)->data_half(options));
        controllers.push_back(find_mode(m)->control_half());
    }
    for (int change = 0; change < kChanges;) {
        publisher.retire();
        Snapshot* s = publisher.draft();
        if (s == nullptr) {
            std::this_thread::yield();
            continue;
        }
        const unsigned mode = random() % std::size(kModes);
        rig.bond.set_mode({kModes[mode], controllers[mode].get(), modes[mode]}, options, Time{});
        rig.bond.handle_link(MemberId{static_cast<std::uint8_t>(random() % kMembers)},
                             {.carrier = random() % 3 != 0}, Time{});
        rig.bond.fill(*s);
        publisher.publish(s);
        ++change;
    }
    over = true;
    worker.join();
    publisher.retire();
    CHECK(publisher.settled());

    std::uint64_t sent = 0, dropped = lane.counters.drops[static_cast<unsigned>(DropReason::no_member)].get();
    for (unsigned k = 0; k < kMembers; ++k) sent += lane.counters.member[k].tx.get();
    CHECK(torn == 0);
    CHECK(offered > 0);
    CHECK(sent == drained);
    CHECK(offered == sent + dropped);
}

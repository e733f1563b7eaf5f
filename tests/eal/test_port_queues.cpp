// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <numeric>
#include <thread>

#include "embed/queues.hpp"
#include "engine/control.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

// One queue each way over a rig's members.
struct Queues {
    explicit Queues(Rig& rig) : control(Idle::busy, World::get().pool, "-queues") {
        tx->use(&rig.lane);
        rx->use(&rig.lane);
        tx->control = rx->control = &control;
        rx->port = 7;
        rx->descriptors = 64;
    }
    ~Queues() { rx->free_parked(); }
    Control control;
    std::unique_ptr<TxQueue> tx = std::make_unique<TxQueue>();
    std::unique_ptr<RxQueue> rx = std::make_unique<RxQueue>();
};

Numbers numbers_of(const Frames& frames, std::size_t from) {
    Numbers n;
    for (std::size_t i = from; i < frames.size(); ++i) n.push_back(number_of(frames[i]));
    return n;
}

void free_from(const Frames& frames, std::size_t from) {
    for (std::size_t i = from; i < frames.size(); ++i) rte_pktmbuf_free(frames[i]);
}

void put(std::uint16_t port, const Frames& frames) {
    Frames copy = frames;
    REQUIRE(rte_eth_tx_burst(port, 0, copy.data(), static_cast<std::uint16_t>(copy.size())) == copy.size());
}

} // namespace

TEST_CASE("a queue gives back what a full member does not take: behind what was sent, in order") {
    const NothingLost check;
    Rig rig(Mode::balance_rr, 2);
    Queues q(rig);
    const unsigned filled = fill_up(rig.port(1));
    Frames burst = frames(0, 2 * kMaxBurst);
    const std::uint16_t sent = send_burst(q.tx.get(), burst.data(), 2 * kMaxBurst);
    // Of the first kMaxBurst each other frame found a full queue; those behind them were not looked at.
    CHECK(sent == kMaxBurst / 2);
    Numbers expected;
    for (std::uint32_t i = 1; i < kMaxBurst; i += 2) expected.push_back(i);
    for (std::uint32_t i = kMaxBurst; i < 2 * kMaxBurst; ++i) expected.push_back(i);
    CHECK(numbers_of(burst, sent) == expected);
    CHECK(q.tx->counters.packets.get() == sent);
    CHECK(q.tx->refused.get() == 2U * kMaxBurst - sent);
    CHECK(rig.dropped(1, DropReason::member_full) == 0);
    Numbers there = take_numbers(rig.port(0));
    REQUIRE(there.size() == sent);
    for (std::uint32_t i = 0; i < sent; ++i) CHECK(there[i] == 2 * i);
    free_from(burst, sent);
    CHECK(take_numbers(rig.port(1)).size() == filled);
}

TEST_CASE("broadcast: what one member refuses the others have sent, so it is counted and does not go back") {
    const NothingLost check;
    Rig rig(Mode::broadcast, 2);
    Queues q(rig);
    const unsigned filled = fill_up(rig.port(1));
    Frames burst = frames(0, 8);
    CHECK(send_burst(q.tx.get(), burst.data(), 8) == 8);
    CHECK(rig.dropped(1, DropReason::member_full) == 8);
    CHECK(take_numbers(rig.port(0)).size() == 8);
    CHECK(take_numbers(rig.port(1)).size() == filled);
}

TEST_CASE("without a usable member a queue takes nothing") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    rig.set_link(0, false);
    rig.set_link(1, false);
    Queues q(rig);
    Frames burst = frames(0, 8);
    CHECK(send_burst(q.tx.get(), burst.data(), 8) == 0);
    CHECK(numbers_of(burst, 0) == Numbers{0, 1, 2, 3, 4, 5, 6, 7});
    free_from(burst, 0);
}

TEST_CASE("members are received from in turn, and frames are of the bond's port") {
    const NothingLost check;
    Rig rig(Mode::balance_rr, 2);
    Queues q(rig);
    put(rig.port(0), frames(0, 40));
    put(rig.port(1), frames(100, 40));
    Numbers got;
    for (unsigned call = 0; call < 12; ++call) {
        Frames burst(8);
        const std::uint16_t n = receive_burst(q.rx.get(), burst.data(), 8);
        burst.resize(n);
        for (const rte_mbuf* m : burst) CHECK(m->port == 7);
        const Numbers some = numbers_of(burst, 0);
        got.insert(got.end(), some.begin(), some.end());
        free_from(burst, 0);
    }
    REQUIRE(got.size() == 80);
    CHECK(got[0] == 0);
    CHECK(got[8] == 100); // the second call begins with the second member
    CHECK(got[16] == 8);
    CHECK(q.rx->counters.packets.get() == 80);
}

TEST_CASE("what control receives in the application's absence is there when it is back, as far as a ring "
          "would hold it") {
    const NothingLost check;
    Rig rig(Mode::balance_rr, 2);
    Queues q(rig);
    put(rig.port(0), frames(0, 100));
    REQUIRE(q.rx->gate.close());
    Frames burst(8);
    CHECK(receive_burst(q.rx.get(), burst.data(), 8) == 0); // control is inside
    q.rx->receive_for_absent();
    q.rx->gate.open();
    CHECK(rig.dropped(DropReason::logical_full) == 100 - 64);
    Numbers got;
    while (const std::uint16_t n = receive_burst(q.rx.get(), burst.data(), 8)) {
        for (std::uint16_t i = 0; i < n; ++i) {
            got.push_back(number_of(burst[i]));
            rte_pktmbuf_free(burst[i]);
        }
    }
    Numbers expected(64);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(got == expected);
}

TEST_CASE("a gate keeps two threads apart, and a grace period waits for who is inside") {
    Gate gate;
    CHECK(gate.enter());
    CHECK_FALSE(gate.close());
    GateGrace grace;
    grace.watch({&gate});
    const auto token = grace.start();
    CHECK_FALSE(grace.passed(token));
    gate.leave();
    CHECK(grace.passed(token));
    const auto later = grace.start();
    CHECK(gate.enter()); // it came in after the period had begun
    CHECK(grace.passed(later));
    gate.leave();

    std::atomic<bool> stop{false};
    std::uint64_t value = 0, control_rounds = 0, worker_rounds = 0; // value: guarded by the gate alone
    std::thread worker([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            if (!gate.enter()) continue;
            ++value;
            ++worker_rounds;
            gate.leave();
        }
    });
    while (control_rounds < 2000) {
        if (!gate.close()) continue;
        ++value;
        ++control_rounds;
        gate.open();
    }
    stop = true;
    worker.join();
    CHECK(value == control_rounds + worker_rounds);
}

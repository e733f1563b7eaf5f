// SPDX-License-Identifier: BSD-3-Clause
// A worker's round over several lanes on net_ring ports.
#include <catch2/catch.hpp>

#include "datapath/publisher.hpp"
#include "datapath/rx_engine.hpp"
#include "engine/buffer_need.hpp"
#include "engine/control.hpp"
#include "engine/worker.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

// A bond of its own over some of the World's members and an own logical ring.
struct Served {
    Served(Mode mode, unsigned first_member, unsigned members, Rcu& rcu, const Port& logical_port)
        : descriptor(find_mode(mode)), controller(descriptor->control_half()),
          bond("b", {mode, controller.get(), descriptor->data_half({}), descriptor->punt}, {}, std::nullopt,
               1500),
          publisher(rcu), logical(logical_port.id()), first(first_member), count(members),
          lane(0, 1, publisher.slot(), LogicalQueue{.port = logical_port.id(), .rx_queues = 1}) {
        for (unsigned k = 0; k < members; ++k) {
            MemberInfo info;
            info.name = "m" + std::to_string(k);
            info.data.port = World::get().members[first + k].id();
            REQUIRE(bond.add_member(info, {.carrier = true}, Time{}).ok());
        }
        publish();
    }
    bool publish() {
        publisher.retire();
        Snapshot* s = publisher.draft();
        if (s == nullptr) return false;
        bond.fill(*s);
        publisher.publish(s);
        return true;
    }
    // The members are left no input, so that all that the worker sees comes from above.
    void empty_members() const {
        for (unsigned k = 0; k < count; ++k) take_numbers(World::get().members[first + k].id());
    }
    void offer(std::uint32_t number) const {
        Frames burst = frames(number, kBurst);
        const std::uint16_t taken = rte_eth_tx_burst(logical, 0, burst.data(), kBurst);
        if (taken != kBurst) rte_pktmbuf_free_bulk(burst.data() + taken, kBurst - taken);
    }

    const ModeDescriptor* descriptor;
    std::unique_ptr<Controller> controller;
    Bond bond;
    Publisher publisher;
    std::uint16_t logical;
    unsigned first, count;
    Lane lane;
};

Port second_logical() {
    auto port = Port::open("net_ring_up2");
    REQUIRE(port.ok());
    PortSetup setup;
    setup.pool = World::get().pool;
    REQUIRE(port.value().start(setup).ok());
    return std::move(port).value();
}

} // namespace

TEST_CASE("a worker with two saturated lanes passes quiet points, and changes take effect [H1]", "[H1]") {
    const NothingLost check;
    const Mode mode = GENERATE(Mode::balance_rr, Mode::balance_xor, Mode::balance_tlb);
    CAPTURE(mode_name(mode));
    const Port up2 = second_logical();
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    Worker worker(0, rcu, Idle::busy, control);
    Served one(mode, 0, 2, rcu, *World::get().logical), two(mode, 2, 2, rcu, up2);
    rcu.online(0);
    worker.set_lane(0, &one.lane);
    worker.set_lane(1, &two.lane);

    std::uint64_t token = rcu.start();
    unsigned since = 0, longest = 0, quiet = 0, changes = 0;
    for (std::uint32_t round = 0; round < 10'000; ++round) {
        one.empty_members();
        two.empty_members();
        one.offer(round);
        two.offer(round);
        worker.round();
        longest = std::max(longest, ++since);
        if (rcu.passed(token)) {
            token = rcu.start();
            since = 0;
            ++quiet;
        }
        if (round % 100 != 0) continue;
        one.bond.handle_link(MemberId{0}, {.carrier = round % 200 == 0}, Time{});
        changes += one.publish() ? 1 : 0;
    }
    CHECK(longest <= 2);
    CHECK(quiet >= 10'000 / 2);
    CHECK(changes == 100);
    worker.set_lane(0, nullptr);
    worker.set_lane(1, nullptr);
    rcu.offline(0);
    one.empty_members();
    two.empty_members();
    take_numbers(one.logical);
    take_numbers(two.logical);
}

TEST_CASE("nothing is staged when a round is over, in no mode, whatever comes [H1]", "[H1]") {
    const NothingLost check;
    const Mode mode = GENERATE(Mode::balance_rr, Mode::active_backup, Mode::balance_xor, Mode::broadcast,
                               Mode::ieee8023ad, Mode::balance_tlb, Mode::balance_alb, Mode::balance_spray);
    CAPTURE(mode_name(mode));
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    Worker worker(0, rcu, Idle::busy, control);
    Served bond(mode, 0, 4, rcu, *World::get().logical);
    rcu.online(0);
    worker.set_lane(0, &bond.lane);
    for (std::uint32_t n = 1; n < 200; ++n) {
        Frames burst = frames(0, n);
        REQUIRE(rte_eth_tx_burst(bond.logical, 0, burst.data(), static_cast<std::uint16_t>(n)) == n);
        worker.round();
        CHECK(bond.lane.stage.total == 0);
        while (worker.round() != 0) bond.empty_members();
        bond.empty_members();
        take_numbers(bond.logical);
    }
    worker.set_lane(0, nullptr);
    rcu.offline(0);
    bond.empty_members();
    take_numbers(bond.logical);
}

TEST_CASE("devices with one queue are spread over the workers, each read by one [M2]", "[M2]") {
    for (unsigned workers = 1; workers <= kMaxWorkers; ++workers)
        for (unsigned first_worker = 0; first_worker < workers; ++first_worker)
            for (unsigned queues = 1; queues <= kMaxWorkers; ++queues) {
                std::vector<unsigned> readers(queues, 0);
                for (unsigned w = 0; w < workers; ++w)
                    for (unsigned q = first_queue(w, workers, first_worker); q < queues; q += workers) {
                        ++readers[q];
                        CHECK((first_worker + q) % workers == w);
                    }
                CHECK(std::ranges::all_of(readers, [](unsigned n) { return n == 1; }));
            }
}

TEST_CASE("three bonds of one-queue devices: each of three workers has one of them to read [M2]", "[M2]") {
    const NothingLost check;
    std::array<unsigned, 3> seen{};
    for (std::uint16_t bond = 0; bond < 3; ++bond) {
        Rig rig(Mode::active_backup, 1);
        rig.snapshot.member[0].first_worker = static_cast<std::uint8_t>((bond + 1) % 3);
        std::atomic<const Snapshot*> slot{&rig.snapshot};
        for (std::uint16_t w = 0; w < 3; ++w) {
            Lane lane(w, 3, slot,
                      LogicalQueue{.port = World::get().logical->id(), .rx_queues = 1, .first_worker = bond});
            Frames burst = frames(0, 8);
            REQUIRE(rte_eth_tx_burst(World::get().logical->id(), 0, burst.data(), 8) == 8);
            rig.snapshot.member[0].tx_queues = 1;
            seen[w] += transmit(lane, rig.snapshot);
            take_numbers(World::get().logical->id());
            take_numbers(rig.port(0));
        }
    }
    CHECK(seen == std::array<unsigned, 3>{8, 8, 8});
}

TEST_CASE("nobody waits for ever for a worker that does not come round [M5]", "[M5]") {
    Rcu rcu(2);
    rcu.online(0);
    const Time start = now();
    CHECK_FALSE(rcu.wait(std::chrono::milliseconds(20)));
    CHECK(now() - start >= std::chrono::milliseconds(20));
    rcu.offline(0);
    CHECK(rcu.wait(std::chrono::seconds(10)));
}

TEST_CASE("the need for packet buffers is the sum over queues, workers and caches [H6]", "[H6]") {
    Config config;
    config.runtime.worker_lcores = {1};
    for (unsigned b = 0; b < 16; ++b) {
        BondConfig bond;
        bond.name = "b" + std::to_string(b);
        bond.logical.backend = LogicalBackend::tap;
        bond.logical.queues = 4;
        bond.members.push_back({.device = "net_null" + std::to_string(b), .name = "n"});
        config.bonds.push_back(bond);
    }
    const auto all = [](const MemberConfig&) { return true; };
    const BufferNeed need = buffer_need(config, all, true);
    CHECK(need.queues == 16 * 4 * 1024); // what left 63 of 65,535 buffers
    CHECK(need.total() > 65'535);
    CHECK(buffer_need(config, all, false).queues == 0); // net_null copies
    CHECK(need.text().find(std::to_string(need.total())) == 0);

    config.runtime.worker_lcores = {1, 2};
    CHECK(buffer_need(config, all, true).lanes == 2 * need.lanes);
    CHECK(buffers_in_queues("0000:01:00.0", 9, 8) == 17 * 1024);
    CHECK(buffers_in_queues("net_af_packet0,iface=m0", 9, 8) == 8 * 33); // 8 frames of 64 KB
    CHECK(buffers_in_queues("net_af_packet0,iface=m0,qpairs=2", 9, 8) == 2 * 8 * 33);
    CHECK(buffers_in_queues("net_af_xdp0,iface=m0,queue_count=2", 9, 8) == 2 * 4096);
    CHECK(buffers_in_queues("net_tap0", 9, 8) == 4 * 1024);
}

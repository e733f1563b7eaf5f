// SPDX-License-Identifier: BSD-3-Clause
// Frames wait for the next look at the logical interface while each look finds many, and no longer.
#include <catch2/catch.hpp>

#include <algorithm>

#include "datapath/rx_engine.hpp"
#include "datapath/tx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

void offer(std::uint32_t first, unsigned n) {
    Frames burst = frames(first, n);
    REQUIRE(rte_eth_tx_burst(World::get().logical->id(), 0, burst.data(), static_cast<std::uint16_t>(n)) ==
            n);
}

Numbers sent_by_all(const Rig& rig) {
    Numbers all;
    for (unsigned m = 0; m < rig.count; ++m) {
        const Numbers one = take_numbers(rig.port(m));
        CHECK(std::is_sorted(one.begin(), one.end())); // in order
        all.insert(all.end(), one.begin(), one.end());
    }
    std::sort(all.begin(), all.end());
    return all;
}

Numbers all_below(std::uint32_t end) {
    Numbers n;
    for (std::uint32_t i = 0; i < end; ++i) n.push_back(i);
    return n;
}

} // namespace

TEST_CASE("what many frames at a look bring leaves with the first look that finds few") {
    const NothingLost check;
    const Mode mode = GENERATE(Mode::balance_rr, Mode::balance_xor, Mode::balance_tlb);
    const unsigned members = GENERATE(2U, 3U, 10U); // 10: counted another way
    CAPTURE(mode_name(mode), members);
    Rig rig(mode, members);
    const unsigned many = kWorthWaiting, few = kWorthWaiting - 1;
    for (unsigned look = 0; look < 3; ++look) {
        offer(look * many, many);
        CHECK(transmit(rig.lane, rig.snapshot) == many);
    }
    CHECK(rig.lane.stage.total == 3 * many);
    CHECK(sent_by_all(rig).empty());
    offer(3 * many, few);
    CHECK(transmit(rig.lane, rig.snapshot) == few);
    CHECK(rig.lane.stage.total == 0);
    CHECK(sent_by_all(rig) == all_below(3 * many + few));
}

TEST_CASE("a look that finds nothing sends what waits") {
    const NothingLost check;
    Rig rig(Mode::balance_xor, 2);
    offer(0, kBurst);
    CHECK(transmit(rig.lane, rig.snapshot) == kBurst);
    CHECK(sent_by_all(rig).empty());
    CHECK(transmit(rig.lane, rig.snapshot) == 0);
    CHECK(sent_by_all(rig) == all_below(kBurst));
    CHECK(rig.sent(0) + rig.sent(1) == kBurst);
}

TEST_CASE("no more wait than are worth it, whoever gets them") {
    const NothingLost check;
    const auto [members, most] = GENERATE(std::pair(2U, 2 * Stage::kShare), std::pair(10U, Stage::kFull));
    Rig rig(Mode::balance_xor, members);
    unsigned looks = 0;
    do {
        rte_mbuf* burst[kBurst]; // of one flow: all for one member
        for (std::uint32_t i = 0; i < kBurst; ++i) burst[i] = frame(looks * kBurst + i);
        REQUIRE(rte_eth_tx_burst(World::get().logical->id(), 0, burst, kBurst) == kBurst);
        CHECK(transmit(rig.lane, rig.snapshot) == kBurst);
        CHECK(rig.lane.stage.total < most);
    } while (++looks < 100 && rig.lane.stage.total != 0);
    CHECK(looks == (most + kBurst - 1) / kBurst);
    CHECK(sent_by_all(rig) == all_below(looks * kBurst));
}

TEST_CASE("what was placed by an older snapshot leaves by it before a newer one is used") {
    const NothingLost check;
    Rig rig(Mode::balance_xor, 2);
    const Snapshot before = rig.snapshot;
    rig.set_link(1, false);
    const Snapshot after = rig.snapshot;
    REQUIRE(after.tx_count == 1);

    std::atomic<const Snapshot*> slot{&before};
    Lane lane(0, 1, slot, LogicalQueue{.port = World::get().logical->id(), .rx_queues = 1});
    offer(0, kBurst);
    CHECK(transmit(lane, newest(lane)) == kBurst);
    CHECK(&newest(lane) == &before);
    CHECK(lane.stage.total == kBurst);
    slot = &after;
    CHECK(&newest(lane) == &after);
    CHECK(lane.stage.total == 0);
    CHECK(lane.counters.member[0].tx.get() + lane.counters.member[1].tx.get() == kBurst);
    CHECK(lane.counters.member[1].tx.get() != 0);
    CHECK(sent_by_all(rig) == all_below(kBurst));
}

TEST_CASE("balance-tlb's frames get their source when they leave, by the snapshot that placed them") {
    const NothingLost check;
    Rig rig(Mode::balance_tlb, 2);
    rig.snapshot.mac[0] = 0x0000'0100'0000'0002, rig.snapshot.mac[1] = 0x0000'0200'0000'0002;
    const std::uint8_t other = rig.snapshot.active.value == 0 ? 1 : 0;
    offer(0, kBurst);
    CHECK(transmit(rig.lane, rig.snapshot) == kBurst);
    CHECK(transmit(rig.lane, rig.snapshot) == 0);
    Frames got = take(rig.port(other));
    CHECK_FALSE(got.empty());
    for (rte_mbuf* m : got) {
        CHECK(std::memcmp(rte_pktmbuf_mtod_offset(m, char*, 6), &rig.snapshot.mac[other], 6) == 0);
        rte_pktmbuf_free(m);
    }
}

TEST_CASE("a lane that goes frees what waits in it") {
    const NothingLost check;
    const unsigned members = GENERATE(2U, 10U);
    Rig rig(Mode::balance_xor, members);
    offer(0, kBurst);
    CHECK(transmit(rig.lane, rig.snapshot) == kBurst);
    CHECK(rig.lane.stage.total == kBurst);
}

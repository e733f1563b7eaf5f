// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>

#include "datapath/rx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

// As if the wire of that member had brought them: a ring port receives what it is sent.
void arrive(const Rig& rig, unsigned member, Frames burst) {
    REQUIRE(rte_eth_tx_burst(rig.port(member), 0, burst.data(), static_cast<std::uint16_t>(burst.size())) ==
            burst.size());
}

std::uint16_t up() { return World::get().logical->id(); }

} // namespace

TEST_CASE("what members receive goes up, a burst of each a call") {
    const NothingLost check;
    Rig rig(Mode::balance_xor, 3);
    for (unsigned k = 0; k < 3; ++k) arrive(rig, k, frames(100 * k, 40));
    CHECK(receive(rig.lane, rig.snapshot) == 3 * kBurst);
    CHECK(receive(rig.lane, rig.snapshot) == 3 * (40 - kBurst));
    CHECK(receive(rig.lane, rig.snapshot) == 0);
    Numbers got = take_numbers(up());
    std::sort(got.begin(), got.end());
    Numbers expected;
    for (std::uint32_t k = 0; k < 3; ++k)
        for (std::uint32_t i = 0; i < 40; ++i) expected.push_back(100 * k + i);
    CHECK(got == expected);
    CHECK(rig.lane.counters.up.get() == 120);
    CHECK(rig.received(1) == 40);
}

TEST_CASE("what a backup receives is dropped and counted, unless all_slaves_active") {
    const NothingLost check;
    for (const bool all : {false, true}) {
        BondOptions options;
        options.all_slaves_active = all;
        Rig rig(Mode::active_backup, 2, options);
        arrive(rig, 0, frames(0, 10));
        arrive(rig, 1, frames(100, 10));
        CHECK(receive(rig.lane, rig.snapshot) == 20);
        CHECK(take_numbers(up()).size() == (all ? 20 : 10));
        CHECK(rig.dropped(1, DropReason::inactive_member) == (all ? 0 : 10));
        CHECK(rig.dropped(0, DropReason::inactive_member) == 0);
    }
}

TEST_CASE("a member without carrier is still read, so that nothing old lies in its queue") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    rig.set_link(0, false);
    arrive(rig, 0, frames(0, 10));
    CHECK(receive(rig.lane, rig.snapshot) == 10);
    CHECK(rig.dropped(0, DropReason::inactive_member) == 10);
    CHECK(take_numbers(up()).empty());
}

TEST_CASE("what a full logical interface does not take is freed and counted") {
    const NothingLost check;
    Rig rig(Mode::balance_xor, 2);
    fill_up(up());
    arrive(rig, 0, frames(0, 20));
    CHECK(receive(rig.lane, rig.snapshot) == 20);
    CHECK(rig.dropped(DropReason::logical_full) == 20);
    CHECK(rig.lane.counters.up.get() == 0);
}

TEST_CASE("frames of a kernel socket: checksums are completed, what is too long is dropped") {
    const NothingLost check;
    Rig rig(Mode::balance_xor, 2);
    rig.snapshot.member[0].kernel_socket = true;
    rig.snapshot.max_frame = 100;
    Frames burst = frames(0, 3);
    REQUIRE(rte_pktmbuf_append(burst[1], 37) != nullptr); // 101 bytes
    auto* checksum = rte_pktmbuf_mtod_offset(burst[2], std::uint8_t*, 40);
    const auto* addresses = rte_pktmbuf_mtod_offset(burst[2], const std::uint8_t*, 26);
    std::uint32_t sum = 17 + 30;
    for (unsigned i = 0; i < 8; i += 2) sum += std::uint32_t{addresses[i]} << 8U | addresses[i + 1];
    sum = (sum & 0xffffU) + (sum >> 16U);
    checksum[0] = static_cast<std::uint8_t>(sum >> 8U);
    checksum[1] = static_cast<std::uint8_t>(sum);
    arrive(rig, 0, burst);
    CHECK(receive(rig.lane, rig.snapshot) == 3);
    CHECK(rig.dropped(0, DropReason::oversize) == 1);
    Frames got = take(up());
    REQUIRE(got.size() == 2);
    CHECK(number_of(got[0]) == 0);
    CHECK(number_of(got[1]) == 2);
    const auto* finished = rte_pktmbuf_mtod_offset(got[1], const std::uint8_t*, 40);
    CHECK((finished[0] << 8 | finished[1]) != static_cast<int>(sum));
    rte_pktmbuf_free_bulk(got.data(), 2);
}

TEST_CASE("what comes from above goes through the mode") {
    const NothingLost check;
    Rig rig(Mode::balance_rr, 2);
    Frames burst = frames(0, 50);
    REQUIRE(rte_eth_tx_burst(up(), 0, burst.data(), 50) == 50);
    CHECK(transmit(rig.lane, rig.snapshot) == 50);
    CHECK(transmit(rig.lane, rig.snapshot) == 0);
    CHECK(rig.lane.counters.down.get() == 50);
    CHECK(rig.sent(0) == 25);
    CHECK(rig.sent(1) == 25);
}

TEST_CASE("a worker that does not read the logical interface leaves it alone") {
    const NothingLost check;
    Rig rig(Mode::balance_rr, 2);
    Frames burst = frames(0, 5);
    REQUIRE(rte_eth_tx_burst(up(), 0, burst.data(), 5) == 5);
    std::atomic<const Snapshot*> slot{nullptr};
    Lane other(1, 2, slot, LogicalQueue{.port = up()});
    CHECK(transmit(other, rig.snapshot) == 0);
    CHECK(take_numbers(up()).size() == 5);
}

TEST_CASE("control's frames leave by the member they name; one that has left drops them") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    Ring<rte_mbuf*> ring("inject", 64, RingKind::spsc);
    rig.lane.inject = &ring;
    for (std::uint32_t i = 0; i < 6; ++i) {
        rte_mbuf* m = frame(i);
        m->port = i == 5 ? 7 : static_cast<std::uint16_t>(i % 2);
        REQUIRE(ring.push(m));
    }
    CHECK(inject(rig.lane, rig.snapshot) == 6);
    CHECK(take_numbers(rig.port(0)) == Numbers{0, 2, 4});
    CHECK(take_numbers(rig.port(1)) == Numbers{1, 3}); // a backup's LACPDU or probe leaves too
    CHECK(rig.dropped(DropReason::member_gone) == 1);
    CHECK(rig.lane.counters.injected.get() == 5);
    CHECK(inject(rig.lane, rig.snapshot) == 0);
}

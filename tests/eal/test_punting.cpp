// SPDX-License-Identifier: BSD-3-Clause
// Frames for control: which they are, and what becomes of them.
#include <catch2/catch.hpp>

#include <algorithm>

#include "base/bytes.hpp"
#include "datapath/link_local.hpp"
#include "datapath/punt_neighbors.hpp"
#include "datapath/rx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

rte_mbuf* slow_frame(std::uint32_t number, std::uint8_t subtype) {
    rte_mbuf* m = frame(number);
    auto* bytes = rte_pktmbuf_mtod(m, std::uint8_t*);
    store_be16(bytes + 12, 0x8809);
    bytes[14] = subtype;
    return m;
}

struct LacpRig : Rig {
    Ring<rte_mbuf*> ring{"punted-test", 4, RingKind::spsc};
    LacpRig() : Rig(Mode::ieee8023ad, 2) { lane.punted = &ring; }
    ~LacpRig() { (void)heard(); }

    void arrive(unsigned member, Frames burst) {
        REQUIRE(rte_eth_tx_burst(port(member), 0, burst.data(), static_cast<std::uint16_t>(burst.size())) ==
                burst.size());
    }
    Numbers heard() {
        Numbers numbers;
        for (rte_mbuf* m = nullptr; ring.pop(m); rte_pktmbuf_free(m)) numbers.push_back(number_of(m));
        return numbers;
    }
    void collect(std::uint32_t members) { snapshot.rx_accept = MemberSet::of_bits(members); }
};

Numbers taken_up() { return take_numbers(World::get().logical->id()); }

} // namespace

TEST_CASE("LACP and markers go to control, other slow protocols and data go up in their order") {
    const NothingLost check;
    LacpRig rig;
    rig.collect(3);
    rig.arrive(0,
               {frame(1), slow_frame(2, 1), slow_frame(3, 3), frame(4), slow_frame(5, 2), slow_frame(6, 10)});
    CHECK(receive(rig.lane, rig.snapshot) == 6);
    CHECK(taken_up() == Numbers{1, 3, 4, 6});
    CHECK(rig.lane.bell);
    CHECK(rig.heard() == Numbers{2, 5});
    CHECK(rig.lane.counters.punted.get() == 2);
    CHECK(rig.received(0) == 6);
}

TEST_CASE("LACP is found at every place of a burst of IP") {
    const NothingLost check;
    LacpRig rig;
    rig.collect(3);
    for (std::uint32_t place = 0; place < kBurst; ++place) {
        Frames burst;
        Numbers others;
        for (std::uint32_t i = 0; i < kBurst; ++i) {
            rte_mbuf* m = i == place ? slow_frame(i, 1) : frame(i);
            if (i != place) {
                store_be16(rte_pktmbuf_mtod(m, std::uint8_t*) + 12, i % 3 == 0 ? 0x86dd : 0x0800);
                others.push_back(i);
            }
            burst.push_back(m);
        }
        rig.arrive(0, burst);
        CHECK(receive(rig.lane, rig.snapshot) == kBurst);
        CHECK(taken_up() == others);
        CHECK(rig.heard() == Numbers{place});
    }
}

TEST_CASE("a slow-protocol frame with a tag is nobody's: neither control's nor the logical interface's",
          "[field-16]") {
    const NothingLost check;
    LacpRig rig;
    rig.collect(3);
    const auto tagged = [](std::uint32_t number, std::uint8_t subtype,
                           std::initializer_list<std::uint16_t> tags) {
        rte_mbuf* m = frame(number);
        auto* at = rte_pktmbuf_mtod(m, std::uint8_t*) + 12;
        for (const std::uint16_t tag : tags) {
            store_be16(at, tag);
            store_be16(at + 2, 0); // VID 0: a priority tag
            at += 4;
        }
        store_be16(at, 0x8809);
        at[2] = subtype;
        return m;
    };
    rte_mbuf* stripped = slow_frame(7, 1); // its device has taken the tag off
    stripped->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    rte_mbuf* data = tagged(8, 0, {0x8100});
    store_be16(rte_pktmbuf_mtod(data, std::uint8_t*) + 16, 0x0800);
    rig.arrive(0, {frame(1), tagged(2, 1, {0x8100}), tagged(3, 2, {0x8100}), tagged(4, 1, {0x88a8}),
                   tagged(5, 3, {0x8100}), tagged(6, 1, {0x88a8, 0x8100}), stripped, data, slow_frame(9, 1)});
    CHECK(receive(rig.lane, rig.snapshot) == 9);
    CHECK(taken_up() == Numbers{1, 8});
    CHECK(rig.heard() == Numbers{9});
    CHECK(rig.dropped(0, DropReason::foreign_group) == 6);
}

TEST_CASE("LACP is heard on a member that does not collect, whose data is dropped and counted") {
    const NothingLost check;
    LacpRig rig;
    rig.collect(1);
    rig.arrive(1, {frame(1), slow_frame(2, 1), slow_frame(3, 3)});
    CHECK(receive(rig.lane, rig.snapshot) == 3);
    rte_mbuf* m = nullptr;
    REQUIRE(rig.ring.pop(m));
    CHECK(m->port == 1);
    rte_pktmbuf_free(m);
    CHECK(rig.dropped(1, DropReason::inactive_member) == 2);
    CHECK(taken_up().empty());
}

TEST_CASE("what control does not take in time is freed and counted") {
    const NothingLost check;
    LacpRig rig;
    Frames burst;
    for (std::uint32_t i = 0; i < 7; ++i) burst.push_back(slow_frame(i, 1));
    rig.arrive(0, burst);
    receive(rig.lane, rig.snapshot);
    CHECK(rig.heard() == Numbers{0, 1, 2, 3});
    CHECK(rig.dropped(DropReason::control_full) == 3);
    CHECK(rig.lane.counters.punted.get() == 4);
}

TEST_CASE("modes without LACP pass it up") {
    const NothingLost check;
    Rig rig(Mode::balance_xor, 2);
    rte_mbuf* m = slow_frame(9, 1);
    REQUIRE(rte_eth_tx_burst(rig.port(0), 0, &m, 1) == 1);
    receive(rig.lane, rig.snapshot);
    CHECK(taken_up() == Numbers{9});
}

TEST_CASE("broadcast_neighbor: ARP and neighbour discovery leave by every member, all else by one") {
    const NothingLost check;
    BondOptions options;
    options.broadcast_neighbor = true;
    Rig rig(Mode::ieee8023ad, 2, options);
    rig.snapshot.tx_count = 2; // as if LACP had agreed on both
    rig.snapshot.senders = MemberSet::of_bits(3);
    rig.snapshot.tx[0] = 0;
    rig.snapshot.tx[1] = 1;
    rig.snapshot.buckets = 2;
    rig.snapshot.bucket_mod = FastMod(2);
    rig.snapshot.bucket[0] = 0;
    rig.snapshot.bucket[1] = 1;
    const auto icmpv6 = [](std::uint32_t number, std::uint8_t type) {
        rte_mbuf* m = frame(number);
        auto* bytes = rte_pktmbuf_mtod(m, std::uint8_t*);
        store_be16(bytes + 12, 0x86dd);
        bytes[14] = 0x60;
        bytes[14 + 6] = 58;
        bytes[14 + 40] = type;
        return m;
    };
    rte_mbuf* arp = frame(1);
    store_be16(rte_pktmbuf_mtod(arp, std::uint8_t*) + 12, 0x0806);
    rig.send({arp, frame(2), icmpv6(3, 135), icmpv6(4, 136), icmpv6(5, 128)});
    Numbers both[2] = {take_numbers(rig.port(0)), take_numbers(rig.port(1))};
    for (const std::uint32_t number : {1U, 3U, 4U})
        for (const Numbers& got : both) CHECK(std::count(got.begin(), got.end(), number) == 1);
    for (const std::uint32_t number : {2U, 5U})
        CHECK(std::count(both[0].begin(), both[0].end(), number) +
                  std::count(both[1].begin(), both[1].end(), number) ==
              1);
}

TEST_CASE("control listens to ARP and neighbour discovery by copies, and the frames go up all the same") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 2);
    Ring<rte_mbuf*> ring("copied-test", 4, RingKind::spsc);
    rig.lane.punted = &ring;
    rig.snapshot.punt = punt_neighbors;
    const auto typed = [](std::uint32_t number, std::uint16_t type) {
        rte_mbuf* m = frame(number);
        store_be16(rte_pktmbuf_mtod(m, std::uint8_t*) + 12, type);
        return m;
    };
    const auto icmpv6 = [&](std::uint32_t number, std::uint8_t type) {
        rte_mbuf* m = typed(number, 0x86dd);
        auto* bytes = rte_pktmbuf_mtod(m, std::uint8_t*);
        bytes[14 + 6] = 58;
        bytes[14 + 40] = type;
        return m;
    };
    rte_mbuf* tagged = typed(3, 0x88a8);
    store_be16(rte_pktmbuf_mtod(tagged, std::uint8_t*) + 16, 0x8100);
    store_be16(rte_pktmbuf_mtod(tagged, std::uint8_t*) + 20, 0x0806);
    Frames burst{frame(1),       typed(2, 0x0806), tagged,          icmpv6(4, 135),
                 icmpv6(5, 136), icmpv6(6, 128),   typed(7, 0x8100)};
    REQUIRE(rte_eth_tx_burst(rig.port(0), 0, burst.data(), 7) == 7);
    CHECK(receive(rig.lane, rig.snapshot) == 7);
    CHECK(taken_up() == Numbers{1, 2, 3, 4, 5, 6, 7});
    CHECK(rig.lane.bell);
    Numbers heard;
    for (rte_mbuf* m = nullptr; ring.pop(m); rte_pktmbuf_free(m)) {
        heard.push_back(number_of(m));
        CHECK(m->port == 0);
    }
    CHECK(heard == Numbers{2, 3, 4, 5});
    CHECK(rig.lane.counters.copied.get() == 4);
    CHECK(rig.lane.counters.punted.get() == 0);

    Frames flood;
    for (std::uint32_t i = 0; i < 7; ++i)
        flood.push_back(typed(i, 0x0806)); // on a member that hands nothing up
    REQUIRE(rte_eth_tx_burst(rig.port(1), 0, flood.data(), 7) == 7);
    receive(rig.lane, rig.snapshot);
    CHECK(rig.lane.counters.copied.get() == 8);
    CHECK(rig.lane.counters.copies_lost.get() == 3);
    CHECK(rig.dropped(1, DropReason::inactive_member) == 7);
    for (rte_mbuf* m = nullptr; ring.pop(m);) rte_pktmbuf_free(m);
}

namespace {

// To 01-80-C2-00-00-0x, of an ethertype.
rte_mbuf* link_local_frame(std::uint32_t number, std::uint8_t last, std::uint16_t type = 0x88cc) {
    rte_mbuf* m = frame(number);
    auto* bytes = rte_pktmbuf_mtod(m, std::uint8_t*);
    const Mac group{{0x01, 0x80, 0xc2, 0, 0, last}};
    std::copy(group.bytes.begin(), group.bytes.end(), bytes);
    store_be16(bytes + 12, type);
    return m;
}

struct TapRig : Rig {
    Ring<rte_mbuf*> ring{"punted-for-taps", 16, RingKind::spsc};
    TapRig() : Rig(Mode::active_backup, 2) {
        lane.punted = &ring;
        snapshot.rx_accept = MemberSet::of_bits(1);
        snapshot.taps = MemberSet::of_bits(3);
    }
    ~TapRig() { (void)heard(0); }
    void arrive(unsigned member, Frames burst) {
        REQUIRE(rte_eth_tx_burst(port(member), 0, burst.data(), static_cast<std::uint16_t>(burst.size())) ==
                burst.size());
        receive(lane, snapshot);
    }
    Numbers heard(unsigned member) { // for its tap
        Numbers numbers;
        for (rte_mbuf* m = nullptr; ring.pop(m); rte_pktmbuf_free(m)) {
            CHECK(m->port == (kForTap | member));
            numbers.push_back(number_of(m));
        }
        return numbers;
    }
};

} // namespace

TEST_CASE("a tap gets copies of what goes up too, and what does not go up itself") {
    const NothingLost check;
    TapRig rig;
    const auto burst = [] {
        return Frames{frame(1), link_local_frame(2, 0x0e), link_local_frame(3, 0x02, 0x8809),
                      link_local_frame(4, 0x10), link_local_frame(5, 0x0f)};
    };
    rig.arrive(0, burst());
    CHECK(rig.lane.bell);
    CHECK(rig.heard(0) == Numbers{2, 5});
    CHECK(taken_up() == Numbers{1, 2, 3, 4, 5});
    CHECK(rig.lane.counters.copied.get() == 2);
    CHECK(rig.lane.counters.punted.get() == 0);

    rig.arrive(1, burst()); // a backup
    CHECK(rig.heard(1) == Numbers{2, 5});
    CHECK(taken_up().empty());
    CHECK(rig.lane.counters.punted.get() == 2);
    CHECK(rig.dropped(1, DropReason::inactive_member) == 3);

    rig.snapshot.taps = {};
    rig.arrive(0, burst());
    CHECK(rig.heard(0).empty());
    CHECK(taken_up() == Numbers{1, 2, 3, 4, 5});
    CHECK(rig.lane.counters.copied.get() == 2);
}

TEST_CASE("a logical interface that is down leaves the taps at work") {
    const NothingLost check;
    TapRig rig;
    rig.snapshot.filter.down = true;
    rig.snapshot.filter.members = MemberSet::all();
    rig.arrive(0, {frame(1), link_local_frame(2, 0x00, 0x0026)});
    CHECK(rig.heard(0) == Numbers{2});
    CHECK(taken_up().empty());
    CHECK(rig.lane.counters.copied.get() == 0);
}

TEST_CASE("a flood for taps leaves LACP half of the way to control, and is counted") {
    const NothingLost check;
    TapRig rig;
    Frames burst;
    for (std::uint32_t i = 0; i < 12; ++i) burst.push_back(link_local_frame(i, 0x0e));
    rig.arrive(1, burst);
    const std::size_t taken = rig.heard(1).size();
    CHECK((taken >= 7 && taken <= 8));
    CHECK(rig.dropped(DropReason::control_full) == 12 - taken);
    burst.clear();
    for (std::uint32_t i = 0; i < 12; ++i) burst.push_back(link_local_frame(i, 0x0e));
    rig.arrive(0, burst);
    CHECK(rig.heard(0).size() == taken);
    CHECK(taken_up().size() == 12);
    CHECK(rig.lane.counters.copies_lost.get() == 12 - taken);
}

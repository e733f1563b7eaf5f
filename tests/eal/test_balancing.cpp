// SPDX-License-Identifier: BSD-3-Clause
// The data half of balance-tlb and balance-alb: which frames are spread, what is written into them, what is
// counted, and what goes up.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "base/bytes.hpp"
#include "datapath/rx_engine.hpp"
#include "flow/hash.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

std::uint8_t* bytes(rte_mbuf* m) { return rte_pktmbuf_mtod(m, std::uint8_t*); }
constexpr std::uint64_t mac(unsigned n) { return 0x0000'0000'bd02ULL | std::uint64_t{n} << 40U; }
std::uint64_t mac_at(const std::uint8_t* p) { return flow_hash_detail::load_raw64(p) & 0xffff'ffff'ffffULL; }

// Rings have no MACs: they are given some here.
struct BalanceRig : Rig {
    Ring<rte_mbuf*> ring{"punted-balance", 8, RingKind::spsc};
    BalanceRig(Mode mode, unsigned members, BondOptions options = {}) : Rig(mode, members, options) {
        lane.punted = &ring;
        dress();
    }
    ~BalanceRig() { (void)heard(); }
    void dress() {
        for (unsigned m = 0; m < count; ++m) snapshot.mac[m] = mac(m);
        snapshot.bond_mac = mac(0);
    }
    Numbers heard() {
        Numbers numbers;
        for (rte_mbuf* m = nullptr; ring.pop(m); rte_pktmbuf_free(m)) numbers.push_back(number_of(m));
        return numbers;
    }
    std::uint64_t counted() const {
        std::uint64_t sum = 0;
        for (const Counter& c : lane.load.bytes) sum += c.get();
        return sum;
    }
    void arrive(unsigned member, Frames burst) {
        REQUIRE(rte_eth_tx_burst(port(member), 0, burst.data(), static_cast<std::uint16_t>(burst.size())) ==
                burst.size());
    }
};

rte_mbuf* of_type(std::uint32_t number, std::uint16_t type) {
    rte_mbuf* m = frame(number);
    store_be16(bytes(m) + 12, type);
    return m;
}
rte_mbuf* broadcast(std::uint32_t number) {
    rte_mbuf* m = frame(number);
    std::memset(bytes(m), 0xff, 6);
    return m;
}
rte_mbuf* neighbor_discovery(std::uint32_t number, std::uint8_t type) {
    rte_mbuf* m = of_type(number, 0x86dd);
    bytes(m)[20] = 58;
    bytes(m)[54] = type;
    return m;
}
rte_mbuf* tagged(std::uint32_t number) {
    rte_mbuf* m = of_type(number, 0x8100);
    store_be16(bytes(m) + 14, 7);
    store_be16(bytes(m) + 16, 0x0800);
    return m;
}
rte_mbuf* to(std::uint32_t number, std::uint64_t destination) {
    rte_mbuf* m = frame(number);
    std::memcpy(bytes(m), &destination, 6);
    return m;
}

} // namespace

TEST_CASE("flows leave by their buckets, with the source of their member; the active one's keep theirs") {
    const NothingLost check;
    BalanceRig rig(Mode::balance_tlb, 3);
    rig.send(frames(0, 32));
    unsigned all = 0;
    for (unsigned m = 0; m < 3; ++m) {
        for (rte_mbuf* f : take(rig.port(m))) {
            CHECK(rig.snapshot.bucket[flow_hash_of(number_of(f), HashPolicy::layer2) % kLoadBuckets] == m);
            CHECK((mac_at(bytes(f) + 6) == mac(m)) == (m != 0));
            ++all;
            rte_pktmbuf_free(f);
        }
    }
    CHECK(all == 32);
    CHECK(rig.counted() == 32 * 64);
}

TEST_CASE(
    "what is not unicast IP, and neighbour discovery, leaves by the active member and is counted apart") {
    const NothingLost check;
    BalanceRig rig(Mode::balance_tlb, 3);
    for (std::size_t b = 0; b < kLoadBuckets; ++b) rig.snapshot.bucket[b] = 2;
    rig.send({broadcast(1), of_type(2, 0x0806), neighbor_discovery(3, 135), neighbor_discovery(4, 136),
              igmp_frame(5), of_type(6, 0x88cc)});
    CHECK(take_numbers(rig.port(0)) == Numbers{1, 2, 3, 4, 5, 6});
    CHECK(rig.lane.load.bytes[kUnspread].get() == 6 * 64);
    rig.send({frame(7), tagged(8), of_type(9, 0x86dd), neighbor_discovery(10, 128)});
    CHECK(take_numbers(rig.port(2)) == Numbers{7, 8, 9, 10});
    CHECK(rig.lane.load.bytes[kUnspread].get() == 6 * 64);
}

TEST_CASE("of bursts that are not small a fourth is counted, for all") {
    const NothingLost check;
    BalanceRig rig(Mode::balance_tlb, 2);
    for (int i = 0; i < 8; ++i) {
        rig.send(frames(0, 32));
        for (unsigned m = 0; m < 2; ++m) take_numbers(rig.port(m));
    }
    CHECK(rig.counted() == 8 * 32 * 64);
    std::map<std::uint64_t, unsigned> uneven;
    for (const Counter& c : rig.lane.load.bytes) ++uneven[c.get() % (64 * 2)];
    CHECK(uneven.size() == 1); // in eight turns each frame was counted twice, for four
}

TEST_CASE("without dynamic balancing nothing is counted and the map is the bond's") {
    const NothingLost check;
    BondOptions o;
    o.tlb_dynamic_lb = false;
    BalanceRig rig(Mode::balance_tlb, 3, o);
    rig.send(frames(0, 30));
    unsigned all = 0;
    for (unsigned m = 0; m < 3; ++m)
        for (const std::uint32_t n : take_numbers(rig.port(m))) {
            CHECK(flow_hash_of(n, HashPolicy::layer2) % 3 == m);
            ++all;
        }
    CHECK(all == 30);
    CHECK(rig.counted() == 0);
    rig.send({broadcast(1)});
    CHECK(take_numbers(rig.port(0)) == Numbers{1});
}

TEST_CASE("balance-alb hands ARP to control, and neighbour discovery if it is to; without room they leave as "
          "they are") {
    const NothingLost check;
    for (const bool ipv6 : {false, true}) {
        BondOptions o;
        o.rlb_ipv6 = ipv6;
        BalanceRig rig(Mode::balance_alb, 2, o);
        rig.send({of_type(1, 0x0806), neighbor_discovery(2, 135), broadcast(3)});
        CHECK(rig.heard() == (ipv6 ? Numbers{1, 2} : Numbers{1}));
        CHECK(take_numbers(rig.port(0)) == (ipv6 ? Numbers{3} : Numbers{2, 3}));
        Frames many;
        for (std::uint32_t n = 0; n < 12; ++n) many.push_back(of_type(n, 0x0806));
        rig.send(many);
        const std::size_t taken = rig.heard().size();
        CHECK(taken >= 7);
        CHECK(take_numbers(rig.port(0)).size() == 12 - taken);
    }
}

TEST_CASE("balance-alb spreads by the destination's address") {
    const NothingLost check;
    BalanceRig rig(Mode::balance_alb, 2);
    Frames burst = frames(0, 20);
    for (rte_mbuf* m : burst) store_be32(bytes(m) + 30, 0xc0000200 + number_of(m) % 4);
    rig.send(burst);
    for (unsigned m = 0; m < 2; ++m)
        for (const std::uint32_t n : take_numbers(rig.port(m)))
            CHECK(rig.snapshot.bucket[0xc0U ^ 0x02U ^ n % 4] == m);
}

TEST_CASE("balance-alb with one member left still lets control see ARP") {
    const NothingLost check;
    BalanceRig rig(Mode::balance_alb, 2);
    rig.set_link(1, false);
    rig.dress();
    rig.send({of_type(1, 0x0806), frame(2), broadcast(3)});
    CHECK(rig.heard() == Numbers{1});
    CHECK(take_numbers(rig.port(0)) == Numbers{2, 3});
    rig.set_link(0, false);
    rig.send({of_type(4, 0x0806), frame(5)});
    CHECK(rig.heard().empty());
    CHECK(rig.dropped(DropReason::no_member) == 2);
}

TEST_CASE("what arrives for a member's MAC goes up with the bond's; what a switch floods is heard once") {
    const NothingLost check;
    BalanceRig rig(Mode::balance_alb, 3);
    const auto up = [&](unsigned member, Frames burst) {
        rig.arrive(member, std::move(burst));
        (void)receive(rig.lane, rig.snapshot);
        Numbers numbers;
        for (rte_mbuf* m : take(World::get().logical->id())) {
            if ((bytes(m)[0] & 1U) == 0 && number_of(m) < 100) CHECK(mac_at(bytes(m)) == mac(0));
            numbers.push_back(number_of(m));
            rte_pktmbuf_free(m);
        }
        return numbers;
    };
    CHECK(up(0, {to(1, mac(0)), broadcast(2), to(3, mac(1)), to(104, 0x990000000002ULL)}) ==
          Numbers{1, 2, 104});
    CHECK(up(1, {to(1, mac(0)), broadcast(2), to(3, mac(1)), to(104, 0x990000000002ULL)}) == Numbers{3});
    CHECK(rig.dropped(1, DropReason::inactive_member) == 3);
    // Neighbours of a lost member still send to its MAC.
    rig.set_link(1, false);
    rig.dress();
    CHECK(up(0, {to(5, mac(1)), to(6, mac(2))}) == Numbers{5});
    CHECK(up(2, {to(7, mac(1)), to(8, mac(2))}) == Numbers{8});
}

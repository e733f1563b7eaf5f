// SPDX-License-Identifier: BSD-3-Clause
// The data half of balance-spray: which frames are sprayed, what is written into them, who is answered, what
// goes up and what is control's.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/bytes.hpp"
#include "datapath/rx_engine.hpp"
#include "drivers/balance_spray/by_path.hpp"
#include "numbered.hpp"
#include "proto/arp.hpp"
#include "proto/nd.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using dpdkbond::testing::own;
using namespace dpdkbond::testing;

namespace spraying { // its names are other files' too

namespace {

std::uint8_t* bytes(rte_mbuf* m) { return rte_pktmbuf_mtod(m, std::uint8_t*); }
constexpr Mac hop(unsigned n) { return Mac{{2, 0xc, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
constexpr Mac kBond{{2, 0xbd, 0, 0, 0, 0xff}};
constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr Ipv4 kPeer{{10, 99, 255, 2}}, kOther{{10, 99, 255, 3}}, kOwnHop{{10, 0, 1, 1}};
Mac mac_at(const std::uint8_t* p) { return Mac::from_bytes(p); }

BondOptions spray(unsigned members, SprayGranularity g = SprayGranularity::packet,
                  std::vector<std::uint32_t> weights = {}) {
    BondOptions o;
    o.spray.granularity = g;
    o.spray.addresses.push_back({"m1", IpPrefix{false, kOwnHop, {}, 24}});
    weights.resize(members, 1);
    for (const Ipv4 address : {kPeer, kOther}) {
        SprayPeerOptions peer{address, {}};
        for (unsigned m = 0; m < members; ++m)
            peer.paths.push_back({"m" + std::to_string(m), {}, hop(m), weights[m]});
        o.spray.peers.push_back(peer);
    }
    return o;
}

// Rings have no MACs: they are given some here, the bond one of its own.
struct SprayRig : Rig {
    Ring<rte_mbuf*> ring{"punted-spray", 8, RingKind::spsc};
    SprayRig(unsigned members, const BondOptions& options) : Rig(Mode::balance_spray, members, options) {
        lane.punted = &ring;
        dress();
    }
    ~SprayRig() { (void)heard(); }
    void dress() {
        for (unsigned m = 0; m < count; ++m) snapshot.mac[m] = mac_key(own(m));
        snapshot.bond_mac = mac_key(kBond);
    }
    void cut(unsigned member) {
        set_link(member, false);
        dress();
    }
    Numbers heard() {
        Numbers numbers;
        for (rte_mbuf* m = nullptr; ring.pop(m); rte_pktmbuf_free(m)) numbers.push_back(number_of(m));
        return numbers;
    }
    // How many sprayed frames left by each member, all of them under its MAC and to its next hop.
    std::vector<std::size_t> sprayed() {
        std::vector<std::size_t> by(count);
        for (unsigned m = 0; m < count; ++m)
            for (rte_mbuf* f : take(port(m))) {
                CHECK(mac_at(bytes(f)) == hop(m));
                CHECK(mac_at(bytes(f) + 6) == own(m));
                CHECK(load_be16(bytes(f) + 12) == 0x0800);
                ++by[m];
                rte_pktmbuf_free(f);
            }
        return by;
    }
    Numbers up(unsigned member, Frames burst) {
        REQUIRE(rte_eth_tx_burst(port(member), 0, burst.data(), static_cast<std::uint16_t>(burst.size())) ==
                burst.size());
        (void)receive(lane, snapshot);
        return take_numbers(World::get().logical->id());
    }
};

rte_mbuf* to(Ipv4 address, std::uint32_t number, std::uint32_t flow = 0) {
    rte_mbuf* m = frame(number, flow);
    std::copy(address.bytes.begin(), address.bytes.end(), bytes(m) + 30);
    return m;
}
Frames many_to(Ipv4 address, unsigned n, std::uint32_t flow = 0, std::uint32_t first = 0) {
    Frames burst;
    for (unsigned i = 0; i < n; ++i) burst.push_back(to(address, first + i, flow));
    return burst;
}
rte_mbuf* arp(std::uint32_t number, const Mac& destination, const ArpPacket& packet) {
    rte_mbuf* m = frame(number);
    build_arp({bytes(m), 60}, destination, packet.sender_mac, packet);
    return m;
}
rte_mbuf* from(const Mac& source, rte_mbuf* m) {
    std::copy(source.bytes.begin(), source.bytes.end(), bytes(m) + 6);
    return m;
}

} // namespace

namespace {

// TCP over IPv4 to `address`, of which hardware would make `segments` frames of 100 bytes of payload each.
rte_mbuf* super_frame(Ipv4 address, unsigned segments) {
    rte_mbuf* m = tcp_head(segments);
    std::copy(address.bytes.begin(), address.bytes.end(), bytes(m) + 30);
    for (unsigned i = 1; i < segments; ++i) add_buffer(m, 100, 0);
    m->l2_len = 14;
    m->l3_len = 20;
    m->l4_len = 20;
    m->tso_segsz = 100;
    m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4;
    return m;
}

} // namespace

TEST_CASE("each frame of a super-frame takes a path of its own; by flow it keeps to one, as a whole") {
    const NothingLost check;
    SprayRig rig(4, spray(4));
    const std::atomic<const Snapshot*> slot{&rig.snapshot};
    Lane lane(0, 1, slot,
              LogicalQueue{.port = World::get().logical->id(), .offloads = Offloads::all, .rx_queues = 1});
    Frames burst{super_frame(kPeer, 10), to(kPeer, 1), super_frame(kPeer, 33)};
    lane.counters.down.add(burst.size()); // as transmit() does
    spray<PathGivenLeast>(lane, rig.snapshot, burst.data(), static_cast<std::uint16_t>(burst.size()));
    CHECK(rig.sprayed() == std::vector<std::size_t>{11, 11, 11, 11});
    CHECK(lane.counters.down.get() == 44);

    for (unsigned m = 0; m < 4; ++m) rig.snapshot.member[m].offloads = Offloads::all;
    rte_mbuf* whole = super_frame(kPeer, 10);
    spray<PathByFlow>(lane, rig.snapshot, &whole, 1);
    const std::vector<std::size_t> by = rig.sprayed();
    CHECK(std::accumulate(by.begin(), by.end(), std::size_t{0}) == 1);
}

TEST_CASE(
    "one flow's packets of one size leave by all paths in turn, exactly by weight, over bursts of any size") {
    const NothingLost check;
    for (const auto& [weights, expected] :
         {std::pair{std::vector<std::uint32_t>{1, 1, 1}, std::vector<std::size_t>{24, 24, 24}},
          std::pair{std::vector<std::uint32_t>{1, 2, 3}, std::vector<std::size_t>{12, 24, 36}},
          std::pair{std::vector<std::uint32_t>{8, 1, 3}, std::vector<std::size_t>{48, 6, 18}}}) {
        SprayRig rig(3, spray(3, SprayGranularity::packet, weights));
        for (const unsigned n : {1U, 32U, 7U, 31U, 1U}) rig.send(many_to(kPeer, n));
        CHECK(rig.sprayed() == expected);
    }
}

TEST_CASE("long and short frames in turn: each path gets its share of octets") {
    const NothingLost check;
    SprayRig rig(2, spray(2, SprayGranularity::packet, {1, 3}));
    std::array<std::size_t, 2> octets{};
    for (unsigned i = 0; i < 400; ++i) {
        rte_mbuf* m = to(kPeer, i);
        if (i % 2 == 0) rte_pktmbuf_append(m, 1000);
        rig.send({m});
        for (unsigned k = 0; k < 2; ++k)
            for (rte_mbuf* sent : take(rig.port(k))) {
                octets[k] += sent->pkt_len + 24U;
                rte_pktmbuf_free(sent);
            }
        const auto apart = static_cast<std::int64_t>(3 * octets[0]) - static_cast<std::int64_t>(octets[1]);
        CHECK(std::abs(apart) <= 3 * (1000 + 60 + 24));
    }
}

TEST_CASE("each peer has turns of its own, and ten members are ten paths") {
    const NothingLost check;
    SprayRig rig(10, spray(10));
    Frames burst;
    for (unsigned i = 0; i < 40; ++i) burst.push_back(to(i % 2 == 0 ? kPeer : kOther, i));
    rig.send(burst);
    CHECK(rig.sprayed() == std::vector<std::size_t>(10, 4));
    std::uint64_t counted = 0;
    for (const Counter& c : rig.lane.spray.frames) counted += c.get();
    CHECK(counted == 40);
    CHECK(rig.lane.spray.frames[0].get() == 2);
}

TEST_CASE(
    "a lost path's share goes to the others; with none left frames to that peer are dropped as no_path") {
    const NothingLost check;
    SprayRig rig(3, spray(3));
    rig.cut(1);
    rig.send(many_to(kPeer, 30));
    CHECK(rig.sprayed() == std::vector<std::size_t>{15, 0, 15});
    for (SprayPeer& p : rig.snapshot.spray.peer)
        if (p.address == ipv4_key(kPeer)) p.slots = 0;
    Frames burst = many_to(kPeer, 4);
    burst.push_back(to(kOther, 9));
    burst.push_back(frame(7));
    rig.send(burst);
    CHECK(rig.dropped(DropReason::no_path) == 4);
    CHECK(take_numbers(rig.port(0)).size() + take_numbers(rig.port(2)).size() == 2);
    rig.cut(0);
    rig.cut(2);
    rig.send(many_to(kPeer, 5));
    CHECK(rig.dropped(DropReason::no_member) == 5);
}

TEST_CASE("with granularity flow a flow keeps its path, and only those of a lost path move") {
    const NothingLost check;
    SprayRig rig(3, spray(3, SprayGranularity::flow));
    const auto where = [&] {
        std::map<std::uint32_t, unsigned> member;
        for (int again = 0; again < 3; ++again)
            for (std::uint32_t flow = 0; flow < 60; flow += 20) {
                Frames burst;
                for (std::uint32_t k = 0; k < 20; ++k) burst.push_back(to(kPeer, flow + k, flow + k));
                rig.send(burst);
            }
        for (unsigned m = 0; m < 3; ++m)
            for (const std::uint32_t n : take_numbers(rig.port(m))) {
                CHECK((member.count(n) == 0 || member[n] == m));
                member[n] = m;
            }
        return member;
    };
    const auto before = where();
    REQUIRE(before.size() == 60);
    std::set<unsigned> used;
    for (const auto& [flow, m] : before) used.insert(m);
    CHECK(used.size() == 3);
    rig.cut(2);
    for (const auto& [flow, m] : where()) {
        CHECK(m != 2);
        if (before.at(flow) != 2) CHECK(m == before.at(flow));
    }
}

TEST_CASE("with granularity flowlet a flow keeps its path until it pauses") {
    const NothingLost check;
    SprayRig rig(3, spray(3, SprayGranularity::flowlet));
    rig.snapshot.spray.flowlet_gap = ~std::uint64_t{0};
    for (int i = 0; i < 10; ++i) rig.send(many_to(kPeer, 6));
    auto by = rig.sprayed();
    CHECK(*std::max_element(by.begin(), by.end()) == 60);
    rig.snapshot.spray.flowlet_gap = 0; // every burst comes after a pause
    for (int i = 0; i < 30; ++i) rig.send(many_to(kPeer, 2));
    CHECK(rig.sprayed() == std::vector<std::size_t>{20, 20, 20});
}

TEST_CASE("what is for no peer leaves by the active member under that one's MAC; a guest keeps its own") {
    const NothingLost check;
    SprayRig rig(3, spray(3));
    rig.cut(0); // now m1 is the active one, and the bond's MAC is nobody's
    REQUIRE(rig.snapshot.active == MemberId{1});
    const Mac guest{{2, 9, 9, 9, 9, 9}};
    rte_mbuf* tagged = from(kBond, to(kPeer, 4));
    store_be16(bytes(tagged) + 12, 0x8100);
    rte_mbuf* group = from(kBond, to(kPeer, 5));
    std::copy(kBroadcast.bytes.begin(), kBroadcast.bytes.end(), bytes(group));
    rte_mbuf* asks =
        arp(6, kBroadcast, {ArpOp::request, kBond, Ipv4{{10, 99, 255, 1}}, {}, Ipv4{{10, 99, 255, 77}}});
    rte_mbuf* guest_asks =
        arp(7, kBroadcast, {ArpOp::request, guest, Ipv4{{10, 99, 255, 9}}, {}, Ipv4{{10, 99, 255, 77}}});
    rig.send({from(kBond, frame(1)), from(guest, frame(2)), tagged, group, asks, guest_asks});
    const Frames left = take(rig.port(1));
    REQUIRE(left.size() == 6);
    for (std::size_t i = 0; i < left.size(); ++i)
        CHECK(mac_at(bytes(left[i]) + 6) == (i == 1 || i == 5 ? guest : own(1)));
    CHECK(parse_arp_frame({bytes(left[4]), 60})->sender_mac == own(1));
    CHECK(parse_arp_frame({bytes(left[5]), 60})->sender_mac == guest);
    for (rte_mbuf* m : left) rte_pktmbuf_free(m);

    rte_mbuf* solicits = rte_pktmbuf_alloc(World::get().pool);
    auto* room = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(solicits, 86));
    REQUIRE(build_ns({room, 86}, kBond, *Ipv6::parse("2001:db8::1"), *Ipv6::parse("2001:db8::2")) == 86);
    rig.send({solicits});
    const Frames ns = take(rig.port(1));
    REQUIRE(ns.size() == 1);
    const auto nd = parse_nd_frame({bytes(ns[0]), 86}); // with a checksum that is right
    REQUIRE(nd);
    CHECK(nd->link_address == own(1));
    rte_pktmbuf_free(ns[0]);
}

TEST_CASE("a question for a peer's address is answered on the spot, always with the same MAC") {
    const NothingLost check;
    SprayRig rig(2, spray(2));
    const Ipv4 ours{{10, 99, 255, 1}};
    for (const Mac& asked : {kBroadcast, Mac{{2, 0x73, 10, 99, 255, 2}}}) {
        rig.send({arp(1, asked, {ArpOp::request, kBond, ours, {}, kPeer}), to(kPeer, 2)});
        const Frames up = take(World::get().logical->id());
        REQUIRE(up.size() == 1);
        CHECK(mac_at(bytes(up[0])) == kBond);
        const auto answer = parse_arp_frame({bytes(up[0]), 60});
        const Mac peer{{2, 0x73, 10, 99, 255, 2}};
        CHECK(mac_at(bytes(up[0]) + 6) == peer);
        CHECK(answer == ArpPacket{ArpOp::reply, peer, kPeer, kBond, ours});
        rte_pktmbuf_free(up[0]);
    }
    CHECK(rig.lane.counters.answered.get() == 2);
    CHECK(rig.sprayed() == std::vector<std::size_t>{1, 1});
}

TEST_CASE(
    "what comes for any member's MAC goes up with the bond's; group frames by the active member alone") {
    const NothingLost check;
    SprayRig rig(3, spray(3));
    const auto frame_to = [](const Mac& mac, std::uint32_t number) {
        rte_mbuf* m = frame(number);
        std::copy(mac.bytes.begin(), mac.bytes.end(), bytes(m));
        return m;
    };
    for (unsigned m = 0; m < 3; ++m) {
        rte_mbuf* mine = frame_to(own(m), 1);
        REQUIRE(rte_eth_tx_burst(rig.port(m), 0, &mine, 1) == 1);
        (void)receive(rig.lane, rig.snapshot);
        const Frames up = take(World::get().logical->id());
        REQUIRE(up.size() == 1);
        CHECK(mac_at(bytes(up[0])) == kBond);
        rte_pktmbuf_free(up[0]);
    }
    CHECK(rig.up(0, {frame_to(kBroadcast, 2), frame_to(own(1), 3)}) == Numbers{2});
    CHECK(rig.up(1, {frame_to(kBroadcast, 2), frame_to(own(0), 3)}).empty());
    rig.cut(2); // a switch floods what is still sent to it
    CHECK(rig.up(0, {frame_to(own(2), 4)}) == Numbers{4});
    CHECK(rig.up(1, {frame_to(own(2), 4)}).empty());
}

TEST_CASE("ARP about members' own addresses is control's, all other goes up like any frame") {
    const NothingLost check;
    SprayRig rig(2, spray(2));
    const Mac peer = hop(1);
    const Ipv4 stranger{{10, 99, 255, 77}}, ours{{10, 99, 255, 1}};
    const auto asks = [&](std::uint32_t n) {
        return arp(n, kBroadcast, {ArpOp::request, peer, kPeer, {}, kOwnHop});
    };
    CHECK(rig.up(1, {asks(1), arp(2, own(1), {ArpOp::reply, peer, Ipv4{{10, 0, 1, 2}}, own(1), kOwnHop}),
                     arp(3, own(1), {ArpOp::request, peer, {}, {}, ours}),    // a probe of the bond's address
                     arp(4, own(1), {ArpOp::reply, peer, kPeer, own(1), {}}), // the answer to ours
                     arp(5, own(1), {ArpOp::reply, peer, stranger, own(1), ours})}) == Numbers{5});
    CHECK(rig.heard() == Numbers{1, 2, 3, 4});
    CHECK(rig.up(0, {asks(6), arp(7, kBroadcast, {ArpOp::request, peer, stranger, {}, ours})}) == Numbers{7});
    CHECK(rig.heard() == Numbers{6}); // on the wrong wire it is not answered, by the kernel neither
    Frames flood;
    for (std::uint32_t n = 0; n < 12; ++n) flood.push_back(asks(n));
    CHECK(rig.up(1, flood).empty());
    const std::size_t taken = rig.heard().size();
    CHECK(taken >= 7);
    CHECK(rig.dropped(DropReason::control_full) == 12 - taken);
}

} // namespace spraying

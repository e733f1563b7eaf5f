// SPDX-License-Identifier: BSD-3-Clause
// Paths of balance-spray in virtual time: resolving, probing, silence, return; and what is answered on which
// wire.
#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <vector>

#include "balance/spray_paths.hpp"
#include "bond/path_shares.hpp"
#include "bond/rx_filter.hpp"
#include "numbered.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;
using namespace std::chrono_literals;

namespace {

constexpr Mac ours(unsigned n) { return Mac{{2, 0xbd, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
constexpr Mac theirs(unsigned n) { return Mac{{2, 0xc, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
constexpr Ipv4 own(unsigned n) { return Ipv4{{10, 0, static_cast<std::uint8_t>(n), 1}}; }
constexpr Ipv4 hop(unsigned n) { return Ipv4{{10, 0, static_cast<std::uint8_t>(n), 2}}; }
constexpr Ipv4 kPeer{{10, 99, 255, 2}}, kOther{{10, 99, 255, 3}}, kVirtual{{10, 99, 255, 1}};
constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

SprayOptions options(unsigned members) {
    SprayOptions o;
    SprayPeerOptions peer{kPeer, {}};
    for (unsigned m = 0; m < members; ++m) {
        const std::string name = "m" + std::to_string(m);
        o.addresses.push_back({name, IpPrefix{false, own(m), {}, 24}});
        peer.paths.push_back({name, hop(m), {}, 0});
    }
    o.peers.push_back(peer);
    return o;
}

struct Asked {
    Time at{};
    MemberId by{};
    Mac to{};
    ArpPacket arp;
};

// The next hops answer unless they are told to be silent.
struct World {
    SprayPaths paths;
    Time now = time_from_ns(1'000'000'000);
    std::uint32_t silent = 0; // bit member
    std::vector<Asked> asked;
    std::vector<ControllerEvent> events;

    explicit World(unsigned members, SprayOptions o) {
        paths.set_options(o, now);
        for (unsigned m = 0; m < members; ++m) paths.member_joined(id(m), "m" + std::to_string(m), ours(m));
        for (unsigned m = 0; m < members; ++m) paths.set_link(id(m), true, 1000, now);
        pass(0s);
    }
    explicit World(unsigned members) : World(members, options(members)) {}
    void hear(unsigned member, const Mac& to, const ArpPacket& arp) {
        std::array<std::uint8_t, 128> frame{};
        const std::size_t n = build_arp(frame, to, arp.sender_mac, arp);
        paths.handle_frame(id(member), {frame.data(), n}, now);
    }
    void drain() {
        for (OwnFrame f; paths.poll_transmit(f);) {
            const Bytes frame{f.frame.data(), f.length};
            const Asked a{now, f.member, parse_eth(frame)->destination, *parse_arp_frame(frame)};
            asked.push_back(a);
            if (a.arp.op != ArpOp::request || (silent >> f.member.value & 1U) != 0) continue;
            const Mac mac = theirs(f.member.value);
            if (a.to != kBroadcast && a.to != mac) continue;
            hear(f.member.value, a.arp.sender_mac,
                 {ArpOp::reply, mac, a.arp.target_ip, a.arp.sender_mac, a.arp.sender_ip});
        }
        for (ControllerEvent e; paths.poll_event(e);) events.push_back(e);
    }
    std::vector<Asked> pass(Duration d) {
        asked.clear();
        const Time end = now + d;
        paths.handle_timeout(now);
        drain();
        while (paths.next_deadline() <= end) {
            now = std::max(now, paths.next_deadline());
            paths.handle_timeout(now);
            drain();
        }
        now = end;
        return asked;
    }
    SprayState state(unsigned path) const { return paths.paths()[path].state; }
    std::uint32_t live() const {
        auto table = std::make_unique<SprayTable>();
        paths.fill(*table, MemberSet::all());
        const SprayPeer* p = table->find(ipv4_key(kPeer));
        return p != nullptr ? p->live : 0;
    }
};

} // namespace

TEST_CASE("next hops are asked for by their member and with its own address, and are used once they answer") {
    World w(2);
    REQUIRE(w.asked.size() == 2);
    for (unsigned m = 0; m < 2; ++m) {
        CHECK(w.asked[m].by == id(m));
        CHECK(w.asked[m].to == kBroadcast);
        CHECK(w.asked[m].arp == ArpPacket{ArpOp::request, ours(m), own(m), Mac{}, hop(m)});
        CHECK(w.state(m) == SprayState::up);
    }
    CHECK(w.live() == 3);
    REQUIRE(w.events.size() == 2);
    CHECK(w.events[1].kind == EventKind::path_up);
    CHECK(w.events[1].member == id(1));
    CHECK(w.events[1].detail == "10.99.255.2 via 10.0.1.2 at 02:0c:00:00:00:01");
    // From now on once an interval, alone.
    const auto again = w.pass(10s);
    CHECK(again.size() == 20);
    for (const Asked& a : again) CHECK(a.to == theirs(a.by.value));
}

TEST_CASE("a silent next hop is out of use after the probes that may be missed, and back when it answers") {
    for (const std::uint32_t missed : {1U, 3U, 10U}) {
        SprayOptions o = options(2);
        o.probe_missed = missed;
        World w(2, o);
        w.pass(5500ms);
        w.silent = 2;
        const Time began = w.now;
        while (w.state(1) == SprayState::up) {
            w.pass(1ms);
            REQUIRE(w.now < began + std::chrono::seconds(missed + 1));
        }
        CHECK(w.now > began + std::chrono::seconds(missed));
        CHECK(w.state(1) == SprayState::silent);
        CHECK(w.state(0) == SprayState::up);
        CHECK(w.live() == 1);
        CHECK(w.events.back().kind == EventKind::path_down);
        CHECK(w.events.back().detail ==
              "10.99.255.2 via 10.0.1.2: " + std::to_string(missed) + " probes unanswered");
        const auto asked = w.pass(60s); // it is asked on, of everybody
        unsigned by_1 = 0;
        for (const Asked& a : asked)
            if (a.by == id(1)) {
                CHECK(a.to == kBroadcast);
                ++by_1;
            }
        CHECK(by_1 >= 59);
        CHECK(by_1 <= 65);
        w.silent = 0;
        w.pass(1s);
        CHECK(w.state(1) == SprayState::up);
        CHECK(w.live() == 3);
        CHECK(w.events.back().kind == EventKind::path_up);
    }
}

TEST_CASE("one missed probe is forgiven") {
    World w(1);
    for (int i = 0; i < 20; ++i) {
        w.silent = 1;
        w.pass(1500ms); // one probe, or two, stay unanswered
        w.silent = 0;
        w.pass(1500ms);
        REQUIRE(w.state(0) == SprayState::up);
    }
    CHECK(w.events.size() == 1);
}

TEST_CASE("a lost link takes its path out at once, and its return asks at once") {
    World w(2);
    w.pass(1500ms);
    (void)w.paths.take_redrawn();
    w.paths.set_link(id(0), false, 0, w.now);
    CHECK(w.paths.take_redrawn());
    CHECK(w.state(0) == SprayState::no_link);
    CHECK(w.live() == 2);
    for (const Asked& a : w.pass(5s)) CHECK(a.by == id(1));
    CHECK(w.events.back().detail == "10.99.255.2 via 10.0.0.2: no link");
    CHECK(w.events.back().member == id(0));
    w.paths.set_link(id(0), true, 1000, w.now);
    const auto asked = w.pass(0s);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].to == kBroadcast);
    CHECK(w.live() == 3);
}

TEST_CASE("before the first answer is there it is asked soon again, then once an interval") {
    SprayOptions o = options(1);
    World w(1, o);
    w.paths.set_link(id(0), false, 0, w.now);
    w.silent = 1;
    w.paths.set_link(id(0), true, 0, w.now);
    const Time began = w.now;
    std::vector<std::int64_t> at;
    for (const Asked& a : w.pass(4500ms)) at.push_back((a.at - began) / 1ms);
    CHECK(at == std::vector<std::int64_t>{0, 100, 300, 700, 1500, 2500, 3500, 4500});
    CHECK(w.state(0) == SprayState::asking);
    CHECK(w.live() == 0);
}

TEST_CASE(
    "who is known and answers is not replaced by another that claims its address; a new card is found") {
    World w(1);
    w.hear(0, kBroadcast, {ArpOp::request, theirs(7), hop(0), Mac{}, own(0)});
    CHECK(w.paths.paths()[0].mac == theirs(0));
    w.silent = 1; // the card is changed: its old MAC is silent
    w.pass(2100ms);
    REQUIRE(w.state(0) == SprayState::up);
    w.hear(0, ours(0), {ArpOp::reply, theirs(7), hop(0), ours(0), own(0)});
    CHECK(w.paths.paths()[0].mac == theirs(7));
}

TEST_CASE("a host that answers on each card for all of them is reached by all its cards, and again after one "
          "was lost") {
    SprayOptions o = options(4);
    SprayPaths paths;
    Time now = time_from_ns(1'000'000'000);
    paths.set_options(o, now);
    std::uint32_t cards = 0xf;
    const auto pass = [&](Duration d) {
        for (const Time end = now + d;;) {
            paths.handle_timeout(now);
            for (OwnFrame f; paths.poll_transmit(f);) {
                const Bytes frame{f.frame.data(), f.length};
                const Mac to = parse_eth(frame)->destination;
                const ArpPacket arp = *parse_arp_frame(frame);
                for (unsigned card = 0; card < 4; ++card) {
                    if ((cards >> card & 1U) == 0 || (to != kBroadcast && to != theirs(card))) continue;
                    std::array<std::uint8_t, 128> reply{};
                    const std::size_t n =
                        build_arp(reply, arp.sender_mac, theirs(card),
                                  {ArpOp::reply, theirs(card), arp.target_ip, arp.sender_mac, arp.sender_ip});
                    paths.handle_frame(f.member, {reply.data(), n}, now);
                }
            }
            if (paths.next_deadline() > end) {
                now = end;
                return;
            }
            now = std::max(now, paths.next_deadline());
        }
    };
    const auto used = [&] {
        std::set<Mac> macs;
        for (const SprayPath& p : paths.paths())
            if (p.state == SprayState::up) macs.insert(p.mac);
        return macs.size();
    };
    for (unsigned m = 0; m < 4; ++m) {
        paths.member_joined(id(m), "m" + std::to_string(m), ours(m));
        paths.set_link(id(m), true, 1000, now);
    }
    pass(2s);
    CHECK(used() == 4);
    cards = 0xb; // one is lost: the host answers for its address on the others
    pass(10s);
    CHECK(used() == 3);
    for (const SprayPath& p : paths.paths()) CHECK(p.state == SprayState::up);
    cards = 0xf;
    pass(2s);
    CHECK(used() == 4);
}

TEST_CASE("members answer for their own next-hop addresses, each on its own wire, and for nobody else's") {
    World w(2);
    const auto ask = [&](unsigned by, Ipv4 target, Ipv4 sender, const Mac& to = kBroadcast) {
        w.asked.clear();
        w.hear(by, to, {ArpOp::request, theirs(9), sender, Mac{}, target});
        w.drain();
        return w.asked;
    };
    // A Linux host may ask in the name of its virtual address.
    for (const Ipv4 sender : {hop(1), kPeer, Ipv4{}}) {
        const auto answers = ask(1, own(1), sender);
        REQUIRE(answers.size() == 1);
        CHECK(answers[0].by == id(1));
        CHECK(answers[0].to == theirs(9));
        CHECK(answers[0].arp == ArpPacket{ArpOp::reply, ours(1), own(1), theirs(9), sender});
    }
    CHECK(ask(0, own(1), kPeer).empty());
    CHECK(ask(0, hop(0), kPeer).empty());
    // The bond's own address by whoever is asked under its own MAC.
    CHECK(ask(1, kVirtual, Ipv4{}, ours(1)).empty());
    LocalAddresses local;
    local.push_back({IpPrefix{false, kVirtual, {}, 32}, {}, {}});
    w.paths.set_addresses(local);
    REQUIRE(ask(1, kVirtual, Ipv4{}, ours(1)).size() == 1);
    CHECK(w.asked[0].arp.sender_mac == ours(1));
    CHECK(ask(1, kVirtual, Ipv4{}).empty());
    CHECK(ask(1, kVirtual, Ipv4{}, ours(0)).empty());
}

TEST_CASE("another host with a member's address is told of once and not answered") {
    World w(1);
    w.events.clear();
    for (int i = 0; i < 3; ++i) {
        w.asked.clear();
        w.hear(0, kBroadcast, {ArpOp::request, theirs(9), own(0), Mac{}, own(0)});
        w.drain();
        CHECK(w.asked.empty());
    }
    REQUIRE(w.events.size() == 1);
    CHECK(w.events[0].kind == EventKind::warning);
    CHECK(w.events[0].detail == "another host claims its 10.0.0.1");
}

TEST_CASE("a next hop whose MAC is given is used at once; its silence counts once it has answered") {
    SprayOptions o;
    o.peers.push_back({kPeer, {{"m0", {}, theirs(0), 0}, {"m1", {}, theirs(1), 0}}});
    World w(2, o);
    CHECK(w.live() == 3);
    w.silent = 2;
    w.paths.set_link(id(1), false, 0, w.now); // it has not answered since
    w.paths.set_link(id(1), true, 0, w.now);
    for (const Asked& a : w.pass(20s)) {
        CHECK(a.to == theirs(a.by.value));
        CHECK(a.arp == ArpPacket{ArpOp::request, ours(a.by.value), Ipv4{}, Mac{}, kPeer});
    }
    CHECK(w.live() == 3);
    w.silent = 0;
    w.pass(2s);
    w.silent = 1;
    w.pass(5s);
    CHECK(w.state(0) == SprayState::silent);
    CHECK(w.live() == 2);
    w.silent = 0;
    w.pass(1s);
    CHECK(w.live() == 3);
}

TEST_CASE("a change of the configuration keeps the state of what stays, with its counter") {
    World w(2);
    SprayOptions o = options(2);
    const SprayPath before = w.paths.paths()[1];
    o.peers[0].paths[0].weight = 1;
    o.peers[0].paths[1].weight = 4;
    o.peers.push_back({kOther, {{"m0", hop(0), {}, 0}}});
    o.granularity = SprayGranularity::flow;
    w.silent = 3;
    w.paths.set_options(o, w.now);
    CHECK(w.live() == 3);
    CHECK(w.paths.paths()[1].counter == before.counter);
    CHECK(w.paths.paths()[1].serial == before.serial);
    CHECK(w.state(2) == SprayState::asking);
    w.silent = 0;
    w.pass(100ms);
    CHECK(w.state(2) == SprayState::up);
    CHECK(w.paths.paths()[2].counter != before.counter);
    std::swap(o.peers[0], o.peers[1]);
    o.peers[1].paths.pop_back();
    w.paths.set_options(o, w.now);
    REQUIRE(w.paths.paths().size() == 2);
    CHECK(w.paths.paths()[0].peer == kOther);
    CHECK(w.state(0) == SprayState::up);
    CHECK(w.live() == 1);
}

TEST_CASE("a member may come later and leave") {
    SprayOptions o = options(3);
    World w(2, o);
    CHECK(w.state(2) == SprayState::no_link);
    w.paths.member_joined(id(2), "m2", ours(2));
    w.paths.set_link(id(2), true, 1000, w.now);
    w.pass(0s);
    CHECK(w.live() == 7);
    w.paths.member_left(id(1), w.now);
    CHECK(w.live() == 5);
    w.drain();
    CHECK(w.events.back().member == id(1)); // its name is still known then
    for (const Asked& a : w.pass(3s)) CHECK(a.by != id(1));
}

TEST_CASE("without weights the members' speeds are the shares; one that is not known counts as the slowest") {
    World w(3);
    w.paths.set_link(id(0), true, 10000, w.now);
    w.paths.set_link(id(1), true, 2500, w.now);
    w.paths.set_link(id(2), true, 0, w.now);
    std::array<std::uint32_t, 3> weight{};
    w.paths.weights(w.paths.peer_at(0), weight);
    CHECK(weight == std::array<std::uint32_t, 3>{4, 1, 1});
    auto table = std::make_unique<SprayTable>();
    w.paths.fill(*table, MemberSet::all());
    const SprayPeer* p = table->find(ipv4_key(kPeer));
    REQUIRE(p != nullptr);
    CHECK(p->slots == 6);
    CHECK(table->path[p->first].octet == PathShares::kOctet);
    CHECK(table->path[p->first + 1].octet == 4 * PathShares::kOctet);
    CHECK(table->path[p->first + 1].destination == mac_key(theirs(1)));
    CHECK(table->path[p->first + 1].member == 1);
    CHECK(table->own[2] == ipv4_key(own(2)));
    auto less = std::make_unique<SprayTable>();
    w.paths.fill(*less, MemberSet::of_bits(1)); // only m0 may send
    CHECK(less->find(ipv4_key(kPeer))->live == 1);
}

TEST_CASE("a path of a 255th of the rate gets a 255th of the octets") {
    World w(2);
    w.paths.set_link(id(0), true, 255'000, w.now);
    w.paths.set_link(id(1), true, 1000, w.now);
    auto table = std::make_unique<SprayTable>();
    w.paths.fill(*table, MemberSet::all());
    const SprayPeer* p = table->find(ipv4_key(kPeer));
    REQUIRE(p != nullptr);
    PathShares given;
    std::array<std::uint64_t, 2> octets{};
    for (int n = 0; n < 256'000; ++n) {
        const unsigned path = given.least(p->live);
        given.add(path, 1538, table->path[p->first + path].octet);
        octets[path] += 1538;
    }
    CHECK(octets[0] / octets[1] == 255);
}

TEST_CASE("many paths are asked for in portions that control's queue holds") {
    SprayOptions o;
    for (unsigned m = 0; m < 16; ++m)
        o.addresses.push_back({"m" + std::to_string(m), IpPrefix{false, own(m), {}, 24}});
    for (unsigned p = 0; p < kMaxSprayPeers; ++p) {
        SprayPeerOptions peer{Ipv4{{10, 99, 1, static_cast<std::uint8_t>(p + 1)}}, {}};
        for (unsigned m = 0; m < 16; ++m) peer.paths.push_back({"m" + std::to_string(m), hop(m), {}, 0});
        o.peers.push_back(peer);
    }
    World w(16, o);
    std::map<Time, unsigned> at_once;
    for (const Asked& a : w.pass(5s)) ++at_once[a.at];
    for (const auto& [at, n] : at_once) CHECK(n <= SprayPaths::kAtOnce);
    for (const SprayPath& p : w.paths.paths()) REQUIRE(p.state == SprayState::up);
    auto table = std::make_unique<SprayTable>();
    w.paths.fill(*table, MemberSet::all());
    CHECK(table->paths == kMaxSprayPaths);
    for (const SprayPeerOptions& p : o.peers) {
        REQUIRE(table->find(ipv4_key(p.address)) != nullptr);
        CHECK(table->find(ipv4_key(p.address))->live == 0xffff);
    }
}

TEST_CASE("a reload that replaces every path of a full configuration keeps them all [D15]", "[D15]") {
    const auto full = [](std::uint8_t net) {
        SprayOptions o;
        for (unsigned p = 0; p < 64; ++p) {
            SprayPeerOptions peer{Ipv4{{10, 99, 0, static_cast<std::uint8_t>(p)}}, {}};
            for (unsigned m = 0; m < 16; ++m)
                peer.paths.push_back(
                    {"m" + std::to_string(m),
                     Ipv4{{10, net, static_cast<std::uint8_t>(m), static_cast<std::uint8_t>(p + 2)}},
                     {},
                     0});
            o.peers.push_back(peer);
        }
        return o;
    };
    SprayPaths paths;
    const Time now = time_from_ns(1'000'000'000);
    paths.set_options(full(0), now);
    REQUIRE(paths.paths().size() == 1024);
    paths.set_options(full(1), now);
    REQUIRE(paths.paths().size() == 1024);
    std::set<unsigned> counters;
    for (const SprayPath& path : paths.paths()) {
        REQUIRE(path.via.has_value());
        CHECK(path.via->bytes[1] == 1);
        counters.insert(path.counter);
    }
    CHECK(counters.size() == 1024);
}

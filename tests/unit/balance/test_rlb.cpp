// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <vector>

#include "balance/rlb.hpp"
#include "numbered.hpp"
#include "proto/nd.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;

namespace {

constexpr Mac ours(unsigned n) { return Mac{{2, 0xbd, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
constexpr Mac theirs(unsigned n) { return Mac{{2, 0xc, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
constexpr Ipv4 ip(unsigned n) { return Ipv4{{192, 0, 2, static_cast<std::uint8_t>(n)}}; }
constexpr Ipv4 kOurs = ip(100);
constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
using std::chrono::milliseconds;

struct Sent {
    MemberId by{};
    EthView eth;
    ArpPacket arp;
};

// An Rlb, and the ARP that the bond's kernel would send: always with the bond's MAC, ours(0).
struct World {
    Rlb rlb;
    Time now = time_from_ns(1'000'000'000);
    std::vector<RlbMember> members;

    explicit World(unsigned count = 2, std::uint32_t speed = 1000) {
        for (unsigned m = 0; m < count; ++m) members.push_back({id(m), ours(m), speed});
        std::vector<Mac> own;
        for (unsigned m = 0; m < count; ++m) own.push_back(ours(m));
        rlb.set_own_macs(own);
        arrange();
    }
    void arrange(unsigned active = 0) {
        rlb.set_members(members, members.empty() ? kNoMember : id(active), now);
        rlb.handle_timeout(now);
    }
    std::vector<Sent> take() {
        std::vector<Sent> all;
        for (RlbFrame f; rlb.poll_transmit(f);) {
            const Bytes bytes{f.bytes.data(), f.length};
            Sent s{f.member, *parse_eth(bytes), {}};
            if (const auto arp = parse_arp_frame(bytes)) s.arp = *arp;
            all.push_back(s);
        }
        return all;
    }
    // All that is sent until `duration` is over.
    std::vector<Sent> run(Duration duration) {
        std::vector<Sent> all = take();
        for (const Time end = now + duration; rlb.next_deadline() <= end;) {
            now = std::max(now, rlb.next_deadline());
            rlb.handle_timeout(now);
            for (const Sent& s : take()) all.push_back(s);
        }
        now = now + duration;
        return all;
    }
    void own(const ArpPacket& arp, Mac to, const VlanTags& tags = {}) {
        std::uint8_t frame[80];
        rlb.handle_own({frame, build_arp(frame, to, arp.sender_mac, arp, tags)}, now);
    }
    void reply(unsigned n, const VlanTags& tags = {}, Ipv4 our = kOurs) {
        own({ArpOp::reply, ours(0), our, theirs(n), ip(n)}, theirs(n), tags);
    }
    void request(unsigned n, const VlanTags& tags = {}) {
        own({ArpOp::request, ours(0), kOurs, Mac{}, ip(n)}, kBroadcast, tags);
    }
    void receive(const ArpPacket& arp, const VlanTags& tags = {}) {
        std::uint8_t frame[80];
        rlb.handle_received({frame, build_arp(frame, ours(0), arp.sender_mac, arp, tags)}, now);
    }
    // Host n answers our request.
    void answer(unsigned n, const VlanTags& tags = {}) {
        receive({ArpOp::reply, theirs(n), ip(n), ours(0), kOurs}, tags);
    }
    MemberId member_of(unsigned n) {
        MemberId m = kNoMember;
        rlb.clients().each([&](const Client& c) {
            if (c.key.client == mapped(ip(n))) m = c.member;
        });
        return m;
    }
};

} // namespace

TEST_CASE("a reply of ours names the client's member, leaves by it, and always the same one") {
    World w(4);
    std::map<unsigned, unsigned> count;
    std::map<unsigned, MemberId> first;
    for (unsigned n = 1; n <= 8; ++n) {
        w.reply(n);
        const auto sent = w.take();
        REQUIRE(sent.size() == 1);
        first[n] = sent[0].by;
        ++count[sent[0].by.value];
        CHECK(sent[0].arp.sender_mac == ours(sent[0].by.value));
        CHECK(sent[0].eth.source == ours(sent[0].by.value));
        CHECK(sent[0].eth.destination == theirs(n));
        CHECK(sent[0].arp.sender_ip == kOurs);
        CHECK(sent[0].arp.target_ip == ip(n));
    }
    for (unsigned m = 0; m < 4; ++m) CHECK(count[m] == 2);
    for (unsigned n = 1; n <= 8; ++n) {
        w.now += std::chrono::seconds(60);
        w.reply(n);
        CHECK(w.take()[0].by == first[n]);
    }
    CHECK(w.run(std::chrono::seconds(60)).empty());
}

TEST_CASE("where a frame of ours would go is where it goes") {
    World w(3);
    const auto way = [&](const ArpPacket& arp, Mac to) {
        std::uint8_t frame[80];
        const Bytes bytes{frame, build_arp(frame, to, arp.sender_mac, arp)};
        const auto told = w.rlb.way_of(bytes);
        REQUIRE(told);
        w.rlb.handle_own(bytes, w.now);
        const auto sent = w.take();
        REQUIRE(sent.size() == 1);
        CHECK(told->member == sent[0].by);
        return told;
    };
    using Why = RlbWay::Why;
    const auto reply_to = [](unsigned n) {
        return ArpPacket{ArpOp::reply, ours(0), kOurs, theirs(n), ip(n)};
    };
    for (unsigned n = 1; n <= 7; ++n) {
        const auto fresh = way(reply_to(n), theirs(n));
        CHECK(fresh->why == Why::to_be_given);
        CHECK(fresh->neighbor == mapped(ip(n)));
    }
    CHECK(way(reply_to(2), theirs(2))->why == Why::given);
    CHECK(way({ArpOp::request, ours(0), kOurs, Mac{}, ip(5)}, theirs(5))->why == Why::given);
    w.request(9); // asked, and not answered
    w.take();
    CHECK(way(reply_to(9), theirs(9))->why == Why::to_be_given);
    CHECK(way({ArpOp::request, ours(0), kOurs, Mac{}, ip(3)}, kBroadcast)->why == Why::to_everybody);
    CHECK(way({ArpOp::request, ours(0), kOurs, Mac{}, kOurs}, kBroadcast)->why == Why::to_everybody);
    CHECK(way({ArpOp::request, ours(0), Ipv4{}, Mac{}, ip(3)}, kBroadcast)->why == Why::as_it_is);
    CHECK(way({ArpOp::reply, theirs(9), ip(50), theirs(1), ip(1)}, theirs(1))->why == Why::as_it_is);
    std::uint8_t other[64] = {};
    CHECK_FALSE(w.rlb.way_of({other, sizeof other}));
}

TEST_CASE("clients go to members by speed") {
    World w(2);
    w.members[0].speed_mbps = 10000;
    w.members[1].speed_mbps = 2500;
    w.arrange();
    for (unsigned n = 1; n <= 50; ++n) w.reply(n);
    CHECK(w.rlb.clients_of(id(0)) == 40);
    CHECK(w.rlb.clients_of(id(1)) == 10);
}

TEST_CASE("a question to one neighbour alone is rewritten like a reply") {
    World w(2);
    w.reply(1);
    w.reply(2);
    w.take();
    w.own({ArpOp::request, ours(0), kOurs, Mac{}, ip(2)}, theirs(2));
    const auto sent = w.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].by == id(1));
    CHECK(sent[0].arp.op == ArpOp::request);
    CHECK(sent[0].arp.sender_mac == ours(1));
    CHECK(w.run(std::chrono::seconds(10)).empty());
}

TEST_CASE(
    "a broadcast request leaves by the active member as it is, and 2 s later the others are told again") {
    World w(2);
    for (unsigned n = 1; n <= 4; ++n) w.reply(n);
    w.take();
    w.request(9);
    auto sent = w.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].by == id(0));
    CHECK(sent[0].arp.sender_mac == ours(0));
    CHECK(w.run(milliseconds(1990)).empty());
    sent = w.run(milliseconds(20));
    // Clients of the active member know the right MAC from the request.
    std::map<Ipv4, unsigned> told;
    for (const Sent& s : sent) {
        CHECK(s.by == id(1));
        CHECK(s.arp.op == ArpOp::reply);
        CHECK(s.arp.sender_mac == ours(1));
        CHECK(s.eth.source == ours(1));
        ++told[s.arp.target_ip];
    }
    CHECK(told == std::map<Ipv4, unsigned>{{ip(2), 2}, {ip(4), 2}});
    CHECK(w.run(std::chrono::seconds(30)).empty());
}

TEST_CASE("a neighbour that answers our request is told its member once it will listen") {
    World w(2);
    w.reply(1);
    w.take();
    w.request(2);
    w.take();
    w.now += milliseconds(1);
    w.answer(2);
    CHECK(w.run(milliseconds(1990)).empty());
    const auto sent = w.run(milliseconds(20));
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].by == id(1));
    CHECK(sent[0].arp.target_mac == theirs(2));
    CHECK(sent[0].arp.target_ip == ip(2));
    CHECK(w.run(std::chrono::seconds(30)).empty());
}

TEST_CASE("requests that never stop do not keep the updates waiting for ever") {
    World w(2);
    w.reply(1);
    w.reply(2);
    w.take();
    unsigned updates = 0;
    for (unsigned i = 0; i < 50; ++i) {
        w.request(200);
        for (const Sent& s : w.run(milliseconds(300))) updates += s.arp.op == ArpOp::reply;
    }
    CHECK(updates >= 10);
    // … and the last one is late enough after the last request to be believed.
    unsigned last = 0;
    for (const Sent& s : w.run(milliseconds(1600))) (void)s;
    for (const Sent& s : w.run(milliseconds(600))) last += s.arp.op == ArpOp::reply;
    CHECK(last == 2);
}

TEST_CASE(
    "when a member goes its clients are told at once, in four bursts of two and one later, nobody else is") {
    World w(3);
    for (unsigned n = 1; n <= 9; ++n) w.reply(n);
    w.take();
    std::map<unsigned, MemberId> before;
    for (unsigned n = 1; n <= 9; ++n) before[n] = w.member_of(n);
    w.members.erase(w.members.begin() + 2);
    w.arrange();
    const auto at_once = w.take();
    CHECK(at_once.size() == 6);
    const auto all = w.run(std::chrono::seconds(60));
    CHECK(all.size() == 24);
    for (unsigned n = 1; n <= 9; ++n) {
        if (before[n] == id(2))
            CHECK(w.member_of(n) != id(2));
        else
            CHECK(w.member_of(n) == before[n]);
    }
    for (const Sent& s : all) CHECK(s.arp.sender_mac == ours(s.by.value));
    CHECK(w.rlb.clients_of(id(0)) + w.rlb.clients_of(id(1)) == 9);
    CHECK(w.rlb.clients_of(id(0)) >= 4);
    CHECK(w.rlb.clients_of(id(1)) >= 4);

    SECTION("and when it is back it gets a share, from which only those that move hear") {
        for (unsigned n = 1; n <= 9; ++n) before[n] = w.member_of(n);
        w.members.push_back({id(2), ours(2), 1000});
        w.arrange();
        std::set<Ipv4> told;
        for (const Sent& s : w.run(std::chrono::seconds(60))) {
            CHECK(s.by == id(2));
            told.insert(s.arp.target_ip);
        }
        CHECK(told.size() == 3);
        for (unsigned n = 1; n <= 9; ++n) CHECK((w.member_of(n) != before[n]) == (told.count(ip(n)) == 1));
        for (unsigned m = 0; m < 3; ++m) CHECK(w.rlb.clients_of(id(m)) == 3);
    }
}

TEST_CASE("the active member is lost: who knew the bond's MAC need not be told, the others are") {
    World w(2);
    for (unsigned n = 1; n <= 4; ++n) w.reply(n); // 1, 3 know ours(0), 2, 4 ours(1)
    w.take();
    w.members.erase(w.members.begin());
    w.members[0].mac = ours(0); // member 1 takes it over
    w.arrange(1);
    std::map<Ipv4, unsigned> told;
    for (const Sent& s : w.run(std::chrono::seconds(10))) {
        CHECK(s.by == id(1));
        CHECK(s.arp.sender_mac == ours(0));
        ++told[s.arp.target_ip];
    }
    CHECK(told[ip(2)] == 4);
    CHECK(told[ip(4)] == 4);
}

TEST_CASE("a neighbour that takes no change for a second after another one learns where it was moved to") {
    World w(2);
    for (unsigned n = 1; n <= 4; ++n) w.reply(n);
    w.take();
    const bool returns = GENERATE(false, true);
    const auto lost = w.members[1];
    w.members.pop_back();
    if (returns) {
        w.arrange();
        w.run(std::chrono::seconds(60));
        w.members.push_back(lost);
    }
    const Time changed = w.now; // its own timers have just made a change
    w.arrange();
    std::set<Ipv4> told, believed;
    const auto hear = [&](const std::vector<Sent>& frames) {
        for (const Sent& s : frames) {
            told.insert(s.arp.target_ip);
            if (w.now > changed + std::chrono::seconds(1)) believed.insert(s.arp.target_ip);
        }
    };
    hear(w.take());
    for (unsigned i = 0; i < 50; ++i) hear(w.run(milliseconds(100)));
    CHECK(told.size() == 2);
    CHECK(believed == told);
}

TEST_CASE("when the active member changes while both live, clients stay and hear of the new MACs") {
    World w(2);
    for (unsigned n = 1; n <= 4; ++n) w.reply(n);
    w.take();
    std::map<unsigned, MemberId> before;
    for (unsigned n = 1; n <= 4; ++n) before[n] = w.member_of(n);
    std::swap(w.members[0].mac, w.members[1].mac);
    w.arrange(1);
    std::set<Ipv4> told;
    for (const Sent& s : w.run(std::chrono::seconds(10))) {
        CHECK(s.arp.sender_mac == w.members[s.by.value].mac);
        told.insert(s.arp.target_ip);
    }
    CHECK(told.size() == 4);
    for (unsigned n = 1; n <= 4; ++n) CHECK(w.member_of(n) == before[n]);
}

TEST_CASE(
    "a neighbour of a VLAN is told with its tag, one of another VLAN with the same address is another") {
    World w(2);
    VlanTags ten, twenty;
    ten.push_back({ethertype::vlan, 0xa00aU}); // with a priority
    twenty.push_back({ethertype::vlan, 20});
    w.reply(1);
    w.reply(2, ten);
    w.take();
    w.request(7, twenty);
    w.take();
    CHECK(w.run(std::chrono::seconds(5)).empty());
    w.request(7, ten);
    w.take();
    const auto sent = w.run(std::chrono::seconds(5));
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].arp.target_ip == ip(2));
    REQUIRE(sent[0].eth.tag_count == 1);
    CHECK(sent[0].eth.tags[0].id() == 10);
    CHECK(w.rlb.clients().size() == 2); // the two that nobody answered for are forgotten
}

TEST_CASE("a neighbour that knows two of our addresses is sent to one member by both") {
    World w(3);
    w.reply(1);
    w.reply(2);
    w.reply(1, {}, ip(101));
    const auto sent = w.take();
    REQUIRE(sent.size() == 3);
    CHECK(sent[2].by == sent[0].by);
}

TEST_CASE("a neighbour that knows two of our addresses counts once, and evening out ends [D2]", "[D2]") {
    World w(2);
    w.reply(1);
    w.reply(1, {}, ip(101));
    CHECK(w.rlb.clients_of(id(0)) == 1);
    SECTION("when a member is back") {
        const RlbMember m1 = w.members[1];
        w.members.pop_back();
        w.arrange();
        w.members.push_back(m1);
        w.arrange();
    }
    SECTION("when the active member changes") { w.arrange(1); }
    CHECK(w.rlb.clients_of(id(0)) + w.rlb.clients_of(id(1)) == 1);
    std::set<unsigned> by;
    w.rlb.clients().each([&](const Client& c) { by.insert(c.member.value); });
    CHECK(by.size() == 1);
}

TEST_CASE("addresses that nobody answers for push no neighbour out and are forgotten [D12]", "[D12]") {
    World w(2);
    for (unsigned n = 1; n <= 8; ++n) w.reply(n);
    w.take();
    SECTION("a scan of more addresses than there is room for") {
        for (unsigned n = 0; n < 1100; ++n) {
            const Ipv4 nobody{{10, 0, static_cast<std::uint8_t>(n >> 8U), static_cast<std::uint8_t>(n)}};
            w.own({ArpOp::request, ours(0), kOurs, Mac{}, nobody}, kBroadcast);
            w.take();
        }
        CHECK(w.rlb.clients().size() == Clients::kMost);
        for (unsigned n = 1; n <= 8; ++n) CHECK(w.member_of(n) != kNoMember);
        w.run(std::chrono::seconds(6));
        CHECK(w.rlb.clients().size() == 8);
    }
    SECTION("they count to no member") {
        for (unsigned n = 20; n < 23; ++n) w.request(n);
        CHECK(w.rlb.clients_of(id(0)) == 4);
        CHECK(w.rlb.clients_of(id(1)) == 4);
        w.answer(21);
        CHECK(w.rlb.clients_of(id(0)) + w.rlb.clients_of(id(1)) == 9);
        w.answer(22);
        CHECK(w.rlb.clients_of(id(0)) == 5);
        CHECK(w.rlb.clients_of(id(1)) == 5);
        w.run(std::chrono::seconds(6));
        CHECK(w.rlb.clients().size() == 10);
    }
}

TEST_CASE("a neighbour that got another MAC is told under it") {
    World w(2);
    w.reply(1);
    w.reply(2);
    w.take();
    w.receive({ArpOp::request, theirs(22), ip(2), Mac{}, ip(9)});
    const auto sent = w.run(std::chrono::seconds(5));
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].eth.destination == theirs(22));
    CHECK(sent[0].arp.sender_mac == ours(1));
}

TEST_CASE("an address of ours that somebody else has now is no longer told to anybody") {
    World w(2);
    w.reply(1);
    w.reply(2, {}, ip(101));
    w.take();
    w.receive({ArpOp::request, theirs(50), ip(101), Mac{}, ip(101)});
    CHECK(w.rlb.clients().size() == 1);
    w.members.pop_back();
    w.arrange();
    CHECK(w.run(std::chrono::seconds(60)).empty());
    // Our own frames that a switch sends back are nobody else's.
    w.receive({ArpOp::request, ours(1), kOurs, Mac{}, ip(1)});
    CHECK(w.rlb.clients().size() == 1);
}

TEST_CASE("what is not ours passes as it is: a guest's, a probe") {
    World w(2);
    w.reply(1);
    w.take();
    w.own({ArpOp::reply, theirs(77), ip(77), theirs(2), ip(2)}, theirs(2));
    w.own({ArpOp::request, ours(0), Ipv4{}, Mac{}, kOurs}, kBroadcast);
    const auto sent = w.take();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].by == id(0));
    CHECK(sent[0].arp.sender_mac == theirs(77));
    CHECK(sent[1].by == id(0));
    CHECK(w.rlb.clients().size() == 1);
    CHECK(w.run(std::chrono::seconds(10)).empty());
}

TEST_CASE("a gratuitous request makes clients be told again and makes none of itself") {
    World w(2);
    w.reply(1);
    w.reply(2);
    w.take();
    w.own({ArpOp::request, ours(0), kOurs, Mac{}, kOurs}, kBroadcast);
    CHECK(w.take().size() == 1);
    CHECK(w.rlb.clients().size() == 2);
    const auto sent = w.run(std::chrono::seconds(5));
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].arp.target_ip == ip(2));
}

TEST_CASE("without a member frames are handed back to be counted, and clients wait for one") {
    World w(2);
    w.reply(1);
    w.take();
    w.members.clear();
    w.arrange();
    w.reply(1);
    const auto sent = w.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].by == kNoMember);
    CHECK(w.run(std::chrono::seconds(5)).empty());
    w.members.push_back({id(1), ours(0), 1000});
    w.arrange(1);
    CHECK(w.member_of(1) == id(1));
}

TEST_CASE("a thousand clients are told in parts") {
    World w(2);
    for (unsigned n = 0; n < Clients::kMost; ++n) {
        const Ipv4 client{{10, 0, static_cast<std::uint8_t>(n >> 8U), static_cast<std::uint8_t>(n)}};
        w.own({ArpOp::reply, ours(0), kOurs, theirs(1), client}, theirs(1));
        w.take();
    }
    w.members.pop_back();
    w.arrange();
    CHECK(w.take().size() <= std::size_t{Rlb::kAtOnce} * Rlb::kBurst);
    std::size_t most = 0;
    std::set<Ipv4> told;
    while (w.rlb.next_deadline() != kNever) {
        w.now = std::max(w.now, w.rlb.next_deadline());
        w.rlb.handle_timeout(w.now);
        const auto sent = w.take();
        most = std::max(most, sent.size());
        for (const Sent& s : sent) told.insert(s.arp.target_ip);
    }
    CHECK(most <= std::size_t{Rlb::kAtOnce} * Rlb::kBurst);
    CHECK(told.size() >= Clients::kMost / 2 - Rlb::kAtOnce);
}

TEST_CASE("neighbour discovery is left alone unless asked for") {
    World w(2);
    std::uint8_t frame[96];
    const Ipv6 our = *Ipv6::parse("2001:db8::100"), client = *Ipv6::parse("2001:db8::2");
    w.rlb.handle_own({frame, build_ns(frame, ours(0), our, client)}, w.now);
    RlbFrame f;
    REQUIRE(w.rlb.poll_transmit(f));
    CHECK(f.member == id(0));
    CHECK(w.rlb.clients().size() == 0);
}

TEST_CASE("with rlb_ipv6 advertisements and solicitations name the client's member, checksums and all") {
    World w(2);
    w.rlb.set_ipv6(true);
    w.reply(1); // takes member 0
    w.take();
    std::uint8_t frame[96];
    const Ipv6 our = *Ipv6::parse("2001:db8::100"), client = *Ipv6::parse("2001:db8::2");
    w.rlb.handle_own({frame, build_na(frame, theirs(2), ours(0), client, our, false)}, w.now);
    RlbFrame f;
    REQUIRE(w.rlb.poll_transmit(f));
    CHECK(f.member == id(1));
    auto nd = parse_nd_frame({f.bytes.data(), f.length}); // checks the sum
    REQUIRE(nd);
    CHECK(nd->link_address == ours(1));
    CHECK(parse_eth({f.bytes.data(), f.length})->source == ours(1));

    w.rlb.handle_own({frame, build_ns(frame, ours(0), our, client)}, w.now);
    REQUIRE(w.rlb.poll_transmit(f));
    CHECK(f.member == id(1));
    nd = parse_nd_frame({f.bytes.data(), f.length});
    REQUIRE(nd);
    CHECK(nd->link_address == ours(1));

    // Another client has the first address that we solicit; its MAC is heard before it is told anything.
    const Ipv6 other = *Ipv6::parse("2001:db8::3");
    w.rlb.handle_own({frame, build_ns(frame, ours(0), our, other)}, w.now);
    REQUIRE(w.rlb.poll_transmit(f));
    w.rlb.handle_received({frame, build_na(frame, ours(0), theirs(3), our, other, false)}, w.now);
    CHECK(w.run(std::chrono::seconds(5)).empty()); // it has been told rightly from the first

    LocalAddress address;
    address.prefix = *IpPrefix::parse("2001:db8::100/64");
    address.router = true;
    w.rlb.set_addresses({address});
    w.members.erase(w.members.begin() + 1);
    w.arrange();
    unsigned updates = 0;
    while (w.rlb.poll_transmit(f)) {
        nd = parse_nd_frame({f.bytes.data(), f.length});
        REQUIRE(nd);
        CHECK(nd->type == NdType::advertisement);
        CHECK(nd->destination == client);
        CHECK(nd->target == our);
        CHECK(nd->link_address == ours(0));
        CHECK(nd->override_flag);
        CHECK(nd->router); // what the kernel's own advertisements say
        ++updates;
    }
    CHECK(updates == 2);
}

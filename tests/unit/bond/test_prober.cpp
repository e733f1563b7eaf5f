// SPDX-License-Identifier: BSD-3-Clause
// On whose behalf targets are asked, and what a bond makes of frames about them.
#include <catch2/catch.hpp>

#include "bond/prober.hpp"
#include "proto/arp.hpp"
#include "proto/nd.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

constexpr Mac kBond{{2, 0, 0, 0, 0, 1}}, kMacvlan{{2, 0, 0, 0, 0, 9}}, kHost{{2, 0, 0, 0, 0, 2}};

LocalAddress local(std::string_view prefix, Mac mac = {}, std::uint16_t vlan = 0) {
    LocalAddress a{.prefix = *IpPrefix::parse(prefix), .mac = mac, .tags = {}};
    if (vlan != 0) a.tags.push_back({ethertype::vlan, vlan});
    return a;
}

LocalAddresses list(std::initializer_list<LocalAddress> items) {
    LocalAddresses all;
    for (const LocalAddress& a : items) all.push_back(a);
    return all;
}

std::string from(const LocalAddresses& addresses, std::string_view target) {
    const ProbeSource s = probe_source(addresses, *IpPrefix::parse(target), kBond);
    std::string text = s.address.is_v6 ? s.address.v6.to_string() : s.address.v4.to_string();
    for (const VlanTag& tag : s.tags) text += " vlan " + std::to_string(tag.id());
    return text + (s.mac == kBond ? "" : " " + s.mac.to_string());
}

struct Frame {
    std::array<std::uint8_t, 128> bytes{};
    std::size_t length = 0;
    [[nodiscard]] Bytes view() const { return {bytes.data(), length}; }
};

Frame reply(std::string_view sender, std::string_view target) {
    Frame f;
    f.length = build_arp(f.bytes, kBond, kHost,
                         {ArpOp::reply, kHost, *Ipv4::parse(sender), kBond, *Ipv4::parse(target)});
    return f;
}

struct Rig {
    explicit Rig(BondOptions o,
                 const LocalAddresses& addresses = list({local("192.0.2.1/24"), local("2001:db8::1/64")})) {
        o.arp_interval = 100;
        prober.set_addresses(addresses);
        prober.set_options(o, true, now);
        prober.heed_addresses(now);
        for (std::uint8_t i = 0; i < 2; ++i) {
            prober.monitor().join(MemberId{i}, now);
            prober.monitor().set_link(MemberId{i}, true, now);
        }
        prober.monitor().set_active(MemberId{0}, now);
    }
    std::vector<OwnFrame> sent() {
        std::vector<OwnFrame> all;
        for (OwnFrame f; prober.poll_transmit(kBond, f);) all.push_back(f);
        return all;
    }
    void pass(Duration d) {
        for (const Time end = now + d; now < end; now += 5ms) {
            prober.monitor().handle_traffic(MemberId{0}, {.rx = 0, .tx = ++tx}, now);
            prober.monitor().handle_timeout(now);
        }
    }
    bool keeps(const Frame& f, MemberId id = MemberId{0}) { // the member up, if it hears that all the time
        for (int i = 0; i < 100; ++i) {
            prober.handle_frame(id, f.view(), now);
            pass(10ms);
        }
        return prober.up(id);
    }
    Time now{};
    std::uint64_t tx = 0;
    Prober prober;
};

BondOptions asking(std::initializer_list<const char*> v4, std::initializer_list<const char*> v6 = {},
                   ArpValidate validate = ArpValidate::active) {
    BondOptions o;
    for (const char* t : v4) o.arp_ip_target.push_back(*Ipv4::parse(t));
    for (const char* t : v6) o.ns_ip6_target.push_back(*Ipv6::parse(t));
    o.arp_validate = validate;
    return o;
}

} // namespace

TEST_CASE("a target is asked from the narrowest network that holds it, with that device's tags and MAC") {
    const LocalAddresses all =
        list({local("10.0.0.1/8"), local("10.1.2.3/24", {}, 7), local("10.1.2.77/28", kMacvlan, 8),
              local("fe80::1/64"), local("2001:db8::1/64"), local("2001:db8:0:0:1::1/80", {}, 9)});
    CHECK(from(all, "10.9.9.9") == "10.0.0.1");
    CHECK(from(all, "10.1.2.9") == "10.1.2.3 vlan 7");
    CHECK(from(all, "10.1.2.65") == "10.1.2.77 vlan 8 02:00:00:00:00:09");
    CHECK(from(all, "198.51.100.1") == "10.0.0.1"); // elsewhere: as by a route of the first
    CHECK(from(all, "2001:db8::5") == "2001:db8::1");
    CHECK(from(all, "2001:db8:0:0:1::5") == "2001:db8::1:0:0:1 vlan 9");
    CHECK(from(all, "fe80::5") == "fe80::1");
    CHECK(from(all, "2001:db9::5") == "2001:db8::1"); // not from a link-local address
    CHECK(from({}, "10.1.2.9") == "0.0.0.0");
    CHECK(from(list({local("fe80::1/64")}), "2001:db8::5") == "::");
}

TEST_CASE("every target is asked, of both families, by the active member") {
    Rig rig(asking({"192.0.2.2", "192.0.2.3"}, {"2001:db8::2"}));
    const auto frames = rig.sent();
    REQUIRE(frames.size() == 3);
    for (const OwnFrame& f : frames) CHECK(f.member == MemberId{0});
    const Bytes first(frames[0].frame.data(), frames[0].length),
        last(frames[2].frame.data(), frames[2].length);
    CHECK(parse_arp_frame(first)->target_ip == *Ipv4::parse("192.0.2.2"));
    CHECK(parse_arp_frame(first)->sender_mac == kBond);
    CHECK(parse_nd_frame(last)->target == *Ipv6::parse("2001:db8::2"));
    CHECK(parse_nd_frame(last)->source == *Ipv6::parse("2001:db8::1"));
    CHECK(rig.sent().empty());
    rig.pass(200ms);
    CHECK(rig.sent().size() == 3); // they do not pile up
}

TEST_CASE("only a target's frame to an address of ours is a sign") {
    CHECK(Rig(asking({"192.0.2.2"})).keeps(reply("192.0.2.2", "192.0.2.1")));
    CHECK_FALSE(Rig(asking({"192.0.2.2"})).keeps(reply("192.0.2.2", "192.0.2.9")));
    CHECK_FALSE(Rig(asking({"192.0.2.2"})).keeps(reply("192.0.2.9", "192.0.2.1")));
    Frame na;
    na.length = build_unsolicited_na(na.bytes, kHost, *Ipv6::parse("2001:db8::2"), false);
    CHECK(Rig(asking({"192.0.2.2"}, {"2001:db8::2"})).keeps(na));
    CHECK_FALSE(Rig(asking({"192.0.2.2"}, {"2001:db8::3"})).keeps(na));
}

TEST_CASE("a backup trusts the active's own question, not the target's answer") {
    for (const bool echo : {true, false}) {
        Rig rig(asking({"192.0.2.2"}, {"2001:db8::2"}, ArpValidate::all));
        Frame question;
        question.length =
            build_ns(question.bytes, kBond, *Ipv6::parse("2001:db8::1"), *Ipv6::parse("2001:db8::2"));
        for (int i = 0; i < 100; ++i) {
            rig.prober.handle_frame(MemberId{0}, reply("192.0.2.2", "192.0.2.1").view(), rig.now);
            rig.prober.handle_frame(MemberId{1},
                                    echo ? question.view() : reply("192.0.2.2", "192.0.2.1").view(), rig.now);
            rig.pass(10ms);
        }
        CHECK(rig.prober.up(MemberId{0}));
        CHECK(rig.prober.up(MemberId{1}) == echo);
    }
}

TEST_CASE("without an address silence says nothing, until there is one or a target answers without") {
    Rig rig(asking({"192.0.2.2"}), {});
    rig.pass(3s);
    CHECK(rig.prober.up(MemberId{0}));
    SECTION("an address comes") {
        rig.prober.set_addresses(list({local("192.0.2.1/24")}));
        rig.prober.heed_addresses(rig.now);
        CHECK(rig.sent().size() == 1);
    }
    SECTION("the target answers who has none") { CHECK(rig.keeps(reply("192.0.2.2", "0.0.0.0"))); }
    rig.pass(300ms);
    CHECK_FALSE(rig.prober.up(MemberId{0}));
}

TEST_CASE("who objects, in words") {
    const auto words = [](const BondOptions& o) {
        Rig rig(o);
        rig.pass(1s);
        REQUIRE_FALSE(rig.prober.up(MemberId{0}));
        CHECK_FALSE(rig.prober.objections(MemberId{0}).empty());
        return rig.prober.describe(MemberId{0});
    };
    CHECK(words(asking({"192.0.2.2"})) == "arp 192.0.2.2");
    CHECK(words(asking({}, {"2001:db8::2"})) == "ns 2001:db8::2");
    CHECK(words(asking({"192.0.2.2", "192.0.2.3"}, {"2001:db8::2", "2001:db8::3"})) ==
          "arp 192.0.2.2, 192.0.2.3, ns 2001:db8::2, 2001:db8::3");
    Rig up(asking({"192.0.2.2"}));
    CHECK(up.prober.objections(MemberId{0}).empty());
    CHECK(up.prober.watching() == WatcherSet{}.add(Watcher::arp));
}

TEST_CASE("sixteen targets of each family, and other targets start afresh") {
    BondOptions o;
    for (int i = 1; i <= 16; ++i) {
        o.arp_ip_target.push_back(*Ipv4::parse("192.0.2." + std::to_string(i + 1)));
        o.ns_ip6_target.push_back(*Ipv6::parse("2001:db8::" + std::to_string(i + 1)));
    }
    Rig rig(o);
    CHECK(rig.sent().size() == 32);
    rig.pass(240ms);
    o.arp_interval = 100;
    o.arp_ip_target.back() = *Ipv4::parse("192.0.2.200");
    rig.prober.set_options(o, true, rig.now);
    rig.pass(240ms);
    CHECK(rig.prober.up(MemberId{0}));
    rig.pass(50ms);
    CHECK_FALSE(rig.prober.up(MemberId{0}));
    o.arp_interval = 0;
    rig.prober.set_options(o, true, rig.now);
    CHECK_FALSE(rig.prober.on());
    CHECK(rig.prober.objections(MemberId{0}).empty());
}

TEST_CASE("a target beyond a router counts only once it has answered [D14]", "[D14]") {
    Rig rig(asking({"198.51.100.1"}, {}, ArpValidate::all),
            list({local("10.0.20.5/24", {}, 20), local("10.0.30.5/24", {}, 30)}));
    rig.pass(1s);
    CHECK(rig.prober.up(MemberId{0}));
    CHECK(rig.prober.up(MemberId{1}));
    SECTION("it has answered, and falls silent") {
        rig.prober.handle_frame(MemberId{0}, reply("198.51.100.1", "10.0.20.5").view(), rig.now);
        rig.pass(1s);
        CHECK_FALSE(rig.prober.up(MemberId{0}));
    }
}

TEST_CASE("targets are asked with the address that the kernel would take [field 3]", "[field3]") {
    LocalAddresses all;
    for (unsigned n = 1; n <= 100; ++n) all.push_back(local("10.9.0." + std::to_string(n) + "/32"));
    all.push_back(local("192.0.2.5/24"));
    all.back().secondary = true;
    all.push_back(local("192.0.2.10/24"));
    CHECK(from(all, "192.0.2.254") == "192.0.2.10");
    all[101].deprecated = true;
    CHECK(from(all, "192.0.2.254") == "192.0.2.5");
    all.pop_back();
    CHECK(from(all, "192.0.2.254") == "192.0.2.5");
}

TEST_CASE("a target in no network of ours is asked from the address that the kernel's routes take [field 3]",
          "[field3]") {
    LocalAddresses all = list({local("192.0.2.5/24"), local("10.0.20.5/24", {}, 20)});
    const IpPrefix foreign = *IpPrefix::parse("198.51.100.1");
    bool reached = false;
    CHECK(from(all, "198.51.100.1") == "192.0.2.5");
    all[1].routes.push_back({foreign, false});
    CHECK(from(all, "198.51.100.1") == "10.0.20.5 vlan 20");
    (void)probe_source(all, foreign, kBond, &reached);
    CHECK_FALSE(reached); // a router is between: it counts once it has answered
    all[1].routes[0].direct = true;
    (void)probe_source(all, foreign, kBond, &reached);
    CHECK(reached);
    CHECK(from(all, "192.0.2.254") == "192.0.2.5");
}

// SPDX-License-Identifier: BSD-3-Clause
// Probes on the wire, and which frames say something of a target.
#include <catch2/catch.hpp>

#include <array>

#include "monitor/arp.hpp"
#include "monitor/nd.hpp"
#include "proto/arp.hpp"
#include "proto/nd.hpp"

using namespace dpdkbond;

namespace {

constexpr Mac kOurs{{2, 0, 0, 0, 0, 1}}, kTheirs{{2, 0, 0, 0, 0, 2}};
const Ipv4 kOwn = *Ipv4::parse("192.0.2.1"), kOther = *Ipv4::parse("192.0.2.9");
const std::array<Ipv4, 2> kTargets{*Ipv4::parse("192.0.2.2"), *Ipv4::parse("192.0.2.3")};
const Ipv6 kOwn6 = *Ipv6::parse("2001:db8::1"), kOther6 = *Ipv6::parse("2001:db8::9");
const std::array<Ipv6, 2> kTargets6{*Ipv6::parse("2001:db8::2"), *Ipv6::parse("2001:db8::3")};

VlanTags two_tags() {
    VlanTags tags;
    tags.push_back({ethertype::qinq, 100});
    tags.push_back({ethertype::vlan, 7});
    return tags;
}

struct Buffer {
    std::array<std::uint8_t, 128> bytes{};
    std::size_t length = 0;
    [[nodiscard]] Bytes view() const { return {bytes.data(), length}; }
};

Buffer arp(ArpOp op, Ipv4 from, Ipv4 to) {
    Buffer b;
    b.length = build_arp(b.bytes, kOurs, kTheirs, {op, kTheirs, from, Mac{}, to});
    return b;
}

} // namespace

TEST_CASE("an ARP probe is a broadcast request, with the tags of the device that reaches the target") {
    Buffer b;
    const IpPrefix own{.is_v6 = false, .v4 = kOwn, .v6 = {}, .length = 24};
    b.length = build_arp_probe(b.bytes, kTargets[1], {own, kOurs, two_tags()});
    const auto eth = parse_eth(b.view());
    REQUIRE(eth);
    CHECK(eth->destination.is_broadcast());
    CHECK(eth->source == kOurs);
    REQUIRE(eth->tag_count == 2);
    CHECK(eth->tags[0] == VlanTag{ethertype::qinq, 100});
    CHECK(eth->tags[1] == VlanTag{ethertype::vlan, 7});
    CHECK(parse_arp_frame(b.view()) == ArpPacket{ArpOp::request, kOurs, kOwn, Mac{}, kTargets[1]});
    const auto echo = hear_arp(b.view(), kTargets); // as another member gets it back from the switch
    REQUIRE(echo);
    CHECK(echo->echo);
    CHECK(echo->target == 1);
    CHECK(echo->own == kOwn);
}

TEST_CASE("ARP of a target is heard, request or reply; that of others is not") {
    const auto reply = hear_arp(arp(ArpOp::reply, kTargets[0], kOwn).view(), kTargets);
    REQUIRE(reply);
    CHECK(reply->target == 0);
    CHECK(reply->answer);
    CHECK_FALSE(reply->echo);
    CHECK(reply->own == kOwn);
    const auto request = hear_arp(arp(ArpOp::request, kTargets[1], kOwn).view(), kTargets);
    REQUIRE(request);
    CHECK(request->target == 1);
    CHECK_FALSE(request->answer);
    CHECK_FALSE(hear_arp(arp(ArpOp::reply, kOther, kOwn).view(), kTargets));
    CHECK_FALSE(hear_arp(arp(ArpOp::reply, kTargets[0], kOwn).view(), {}));
    CHECK_FALSE(hear_arp(Bytes{}, kTargets));
}

TEST_CASE("a neighbour solicitation asks the target's group, and its echo is known again") {
    Buffer b;
    const IpPrefix own{.is_v6 = true, .v4 = {}, .v6 = kOwn6, .length = 64};
    b.length = build_ns_probe(b.bytes, kTargets6[0], {own, kOurs, two_tags()});
    const auto eth = parse_eth(b.view());
    REQUIRE(eth);
    CHECK(eth->tag_count == 2);
    CHECK(eth->destination == multicast_mac(solicited_node_group(kTargets6[0])));
    const auto echo = hear_nd(b.view(), kTargets6);
    REQUIRE(echo);
    CHECK(echo->echo);
    CHECK(echo->target == 0);
    CHECK(echo->own == kOwn6);
}

TEST_CASE("an advertisement of a target is heard, that of others is not") {
    const auto na = [&](Ipv6 address) {
        Buffer b;
        b.length = build_unsolicited_na(b.bytes, kTheirs, address, false);
        return b;
    };
    const auto heard = hear_nd(na(kTargets6[1]).view(), kTargets6);
    REQUIRE(heard);
    CHECK(heard->target == 1);
    CHECK(heard->answer);
    CHECK(heard->to_all);
    CHECK_FALSE(hear_nd(na(kOther6).view(), kTargets6));
    Buffer bad = na(kTargets6[0]);
    bad.bytes[bad.length - 1] ^= 1U; // checksum
    CHECK_FALSE(hear_nd(bad.view(), kTargets6));
}

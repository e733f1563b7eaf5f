// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <array>
#include <vector>

#include "proto/arp.hpp"
#include "proto/igmp.hpp"
#include "proto/learning.hpp"
#include "proto/nd.hpp"

using namespace dpdkbond;

namespace {

const Mac kOurMac{{0x02, 0xbd, 0, 0, 0, 1}};

std::vector<std::uint8_t> built(const std::array<std::uint8_t, 128>& buffer, std::size_t length) {
    return {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length)};
}

VlanTags tagged(VlanTag tag) {
    VlanTags tags;
    tags.push_back(tag);
    return tags;
}

} // namespace

TEST_CASE("a gratuitous ARP is the broadcast request that Linux sends") {
    std::array<std::uint8_t, 128> out{};
    out.fill(0xee);
    const std::size_t length = build_gratuitous_arp(out, kOurMac, *Ipv4::parse("192.0.2.1"));
    std::vector<std::uint8_t> expected{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0xbd, 0, 0,
                                       0,    1,    0x08, 0x06,                                // Ethernet
                                       0,    1,    0x08, 0,    6,    4,    0,    1,           // request
                                       0x02, 0xbd, 0,    0,    0,    1,    192,  0,    2, 1,  // sender
                                       0,    0,    0,    0,    0,    0,    192,  0,    2, 1}; // target
    expected.resize(60);
    CHECK(built(out, length) == expected);
    CHECK(out[60] == 0xee);
    CHECK(parse_arp_frame({out.data(), length})->is_gratuitous());
}

TEST_CASE("a tagged gratuitous ARP carries the tag and reads back") {
    std::array<std::uint8_t, 128> out{};
    const std::size_t length =
        build_gratuitous_arp(out, kOurMac, *Ipv4::parse("10.1.2.3"), tagged({ethertype::vlan, 100}));
    CHECK(length == 64);
    CHECK(load_be16(out.data() + 12) == 0x8100);
    CHECK(load_be16(out.data() + 14) == 100);
    const auto packet = parse_arp_frame({out.data(), length});
    REQUIRE(packet.has_value());
    CHECK(packet->sender_mac == kOurMac);
    CHECK(packet->target_mac.is_zero());
    CHECK(packet->target_ip == *Ipv4::parse("10.1.2.3"));
}

TEST_CASE("an ARP reply keeps every field through build and parse") {
    const ArpPacket reply{ArpOp::reply, kOurMac, *Ipv4::parse("10.0.0.1"), Mac{{2, 0, 0, 0, 0, 9}},
                          *Ipv4::parse("10.0.0.2")};
    std::array<std::uint8_t, 60> out{};
    CHECK(build_arp(out, reply.target_mac, kOurMac, reply) == 60);
    CHECK(parse_arp_frame(out) == reply);
    CHECK_FALSE(reply.is_gratuitous());
}

TEST_CASE("ARP that is short, of other hardware or of an unknown operation is refused") {
    std::array<std::uint8_t, 60> good{};
    build_gratuitous_arp(good, kOurMac, *Ipv4::parse("10.0.0.1"));
    for (std::size_t size = 0; size < kEthHeaderSize + kArpSize; ++size)
        CHECK_FALSE(parse_arp_frame({good.data(), size}).has_value());
    CHECK(parse_arp_frame({good.data(), kEthHeaderSize + kArpSize}).has_value());
    for (const std::size_t at : {14U, 16U, 18U, 19U, 20U, 12U}) {
        auto bad = good;
        bad[at] ^= 0x10;
        CHECK_FALSE(parse_arp_frame(bad).has_value());
    }
}

TEST_CASE("nothing is built into a buffer that is too small") {
    std::array<std::uint8_t, 59> arp{};
    CHECK(build_gratuitous_arp(arp, kOurMac, Ipv4{}) == 0);
    std::array<std::uint8_t, 85> na{};
    CHECK(build_unsolicited_na(na, kOurMac, Ipv6{}, false) == 0);
    std::array<std::uint8_t, 13> eth{};
    CHECK(build_eth(eth, kOurMac, kOurMac, ethertype::arp) == 0);
}

TEST_CASE("an unsolicited NA goes to all nodes with override, target link address and a right checksum") {
    std::array<std::uint8_t, 128> out{};
    out.fill(0xee);
    const std::size_t length = build_unsolicited_na(out, kOurMac, *Ipv6::parse("2001:db8::1"), false);
    const std::vector<std::uint8_t> expected{
        0x33, 0x33, 0,    0,    0,    1,  0x02, 0xbd, 0, 0, 0, 1, 0x86, 0xdd,       // Ethernet
        0x60, 0,    0,    0,    0,    32, 58,   255,                                // IPv6
        0x20, 0x01, 0x0d, 0xb8, 0,    0,  0,    0,    0, 0, 0, 0, 0,    0,    0, 1, // source
        0xff, 0x02, 0,    0,    0,    0,  0,    0,    0, 0, 0, 0, 0,    0,    0, 1, // destination
        136,  0,    0xf8, 0x6d, 0x20, 0,  0,    0,                                  // ICMPv6
        0x20, 0x01, 0x0d, 0xb8, 0,    0,  0,    0,    0, 0, 0, 0, 0,    0,    0, 1, // target
        2,    1,    0x02, 0xbd, 0,    0,  0,    1};                                 // its MAC
    CHECK(built(out, length) == expected);
    const auto packet = parse_nd_frame({out.data(), length});
    REQUIRE(packet.has_value());
    CHECK(packet->type == NdType::advertisement);
    CHECK(packet->override_flag);
    CHECK_FALSE(packet->solicited);
    CHECK_FALSE(packet->router);
    CHECK(packet->link_address == kOurMac);
}

TEST_CASE("a solicitation goes to the target's group, tagged or not, with the source's MAC unless it has no "
          "address") {
    std::array<std::uint8_t, 128> out{};
    const Ipv6 target = *Ipv6::parse("2001:db8::1:2345:6789"), own = *Ipv6::parse("2001:db8::9");
    const std::size_t length = build_ns(out, kOurMac, own, target, tagged({ethertype::qinq, 7}));
    CHECK(length == 90);
    CHECK(Mac::from_bytes(out.data()).to_string() == "33:33:ff:45:67:89");
    const auto packet = parse_nd_frame({out.data(), length});
    REQUIRE(packet.has_value());
    CHECK(packet->type == NdType::solicitation);
    CHECK(packet->destination.to_string() == "ff02::1:ff45:6789");
    CHECK(packet->source == own);
    CHECK(packet->target == target);
    CHECK(packet->link_address == kOurMac);

    const std::size_t bare = build_ns(out, kOurMac, Ipv6{}, target);
    CHECK(bare == 78);
    CHECK(parse_nd_frame({out.data(), bare})->link_address == std::nullopt);
}

TEST_CASE("neighbour discovery that RFC 4861 has a node discard is refused") {
    std::array<std::uint8_t, 86> good{};
    build_unsolicited_na(good, kOurMac, *Ipv6::parse("2001:db8::1"), false);
    REQUIRE(parse_nd_frame(good).has_value());
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK_FALSE(parse_nd_frame({good.data(), size}).has_value());
    for (std::size_t at = 14; at < good.size(); ++at) {
        if (at >= 14 && at < 18) continue; // traffic class and flow label are nobody's business
        auto bad = good;
        bad[at] ^= 0x01;
        CAPTURE(at);
        CHECK_FALSE(parse_nd_frame(bad).has_value());
    }
    auto zero_length_option = good;
    zero_length_option[79] = 0;
    store_be16(zero_length_option.data() + 56, static_cast<std::uint16_t>(load_be16(good.data() + 56) + 1));
    CHECK_FALSE(parse_nd_frame(zero_length_option).has_value());
}

TEST_CASE("IGMP is known by the protocol of a first IPv4 fragment, behind tags too") {
    std::array<std::uint8_t, 60> frame{};
    build_eth(frame, Mac{{1, 0, 0x5e, 0, 0, 0x16}}, kOurMac, ethertype::ipv4);
    frame[14] = 0x46; // with the router alert option
    frame[23] = 2;
    CHECK(is_igmp_frame(frame));
    auto later_fragment = frame;
    later_fragment[21] = 1;
    CHECK_FALSE(is_igmp_frame(later_fragment));
    auto udp = frame;
    udp[23] = 17;
    CHECK_FALSE(is_igmp_frame(udp));
    CHECK_FALSE(is_igmp_frame({frame.data(), 33}));
    auto bad_length = frame;
    bad_length[14] = 0x44;
    CHECK_FALSE(is_igmp_frame(bad_length));

    std::array<std::uint8_t, 64> tagged{};
    const VlanTag tags[2] = {{ethertype::qinq, 5}, {ethertype::vlan, 6}};
    const std::size_t header =
        build_eth(tagged, Mac{{1, 0, 0x5e, 0, 0, 0x16}}, kOurMac, ethertype::ipv4, tags, 2);
    CHECK(header == 22);
    std::copy(frame.begin() + 14, frame.begin() + 56, tagged.begin() + 22);
    CHECK(is_igmp_frame(tagged));
}

TEST_CASE("a header is read up to two tags deep and refused where it is cut") {
    std::array<std::uint8_t, 26> frame{};
    const VlanTag tags[3] = {{ethertype::qinq, 0x2005}, {ethertype::vlan, 6}, {ethertype::vlan, 7}};
    CHECK(build_eth(frame, kOurMac, kOurMac, ethertype::arp, tags, 3) == 26);
    const auto view = parse_eth(frame);
    REQUIRE(view.has_value());
    CHECK(view->tag_count == 2);
    CHECK(view->tags[0].id() == 5);
    CHECK(view->tags[1] == tags[1]);
    CHECK(view->type == ethertype::vlan);
    CHECK(view->payload_offset == 22);
    for (std::size_t size = 0; size < 22; ++size) CHECK_FALSE(parse_eth({frame.data(), size}).has_value());
}

TEST_CASE("a learning frame goes from a MAC to itself and carries nothing but its tags") {
    std::array<std::uint8_t, 128> out{};
    out.fill(0xee);
    std::vector<std::uint8_t> expected{0x02, 0xbd, 0, 0, 0, 1, 0x02, 0xbd, 0, 0, 0, 1, 0x90, 0};
    expected.resize(60);
    CHECK(built(out, build_learning(out, kOurMac)) == expected);
    CHECK(out[60] == 0xee);
    const std::size_t length = build_learning(out, kOurMac, tagged({ethertype::vlan, 42}));
    const std::uint8_t tag[] = {0x81, 0, 0, 42};
    expected.insert(expected.begin() + 12, std::begin(tag), std::end(tag));
    CHECK(built(out, length) == expected);
    CHECK(build_learning({out.data(), 59}, kOurMac) == 0);
}

TEST_CASE("advertisements say that a router has the address when one has [D7]", "[D7]") {
    constexpr std::size_t kFlags = 14 + 40 + 4;
    const Ipv6 ours = *Ipv6::parse("fe80::1"), theirs = *Ipv6::parse("fe80::2");
    for (const bool router : {false, true}) {
        std::uint8_t out[128];
        REQUIRE(build_unsolicited_na(out, kOurMac, ours, router) == 86);
        CHECK(out[kFlags] == (router ? 0xa0 : 0x20));
        CHECK(parse_nd_frame(Bytes(out).first(86))->router == router);
        REQUIRE(build_na(out, kOurMac, kOurMac, theirs, ours, router) == 86);
        CHECK(out[kFlags] == (router ? 0xa0 : 0x20));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
// Membership reports, byte by byte as scapy builds those that Linux 6.1 was seen to send.
#include <catch2/catch.hpp>

#include <array>
#include <string>

#include "proto/igmp.hpp"
#include "proto/mld.hpp"

using namespace dpdkbond;

namespace {

const Mac kReporterMac{{0x02, 0xbd, 0, 0, 0, 1}};
const Ipv4 kGroup{{239, 129, 1, 1}};

using Buffer = std::array<std::uint8_t, 128>;

std::string hex(const Buffer& buffer, std::size_t from, std::size_t to) {
    std::string text;
    for (std::size_t i = from; i < to; ++i) {
        constexpr const char* digits = "0123456789abcdef";
        text += digits[buffer[i] >> 4U];
        text += digits[buffer[i] & 15U];
    }
    return text;
}

VlanTags vlan(std::uint16_t id) {
    VlanTags tags;
    tags.push_back({ethertype::vlan, id});
    return tags;
}

Buffer filled() {
    Buffer out;
    out.fill(0xee);
    return out;
}

} // namespace

TEST_CASE("an IGMPv3 report goes to the routers and names the group, whatever the source") {
    Buffer out = filled();
    REQUIRE(build_igmp_report(out, kReporterMac, {{192, 0, 2, 1}}, kGroup, IgmpVersion::v3) == 60);
    CHECK(hex(out, 0, 54) == "01005e00001602bd00000001080046c0002800004000010241f8c0000201e00000169404"
                             "00002200eb7b0000000102000000ef810101");
    CHECK(hex(out, 54, 61) == "000000000000ee");
    CHECK(is_igmp_frame({out.data(), 60}));
}

TEST_CASE("older reports go to the group itself") {
    Buffer out = filled();
    REQUIRE(build_igmp_report(out, kReporterMac, {{192, 0, 2, 1}}, kGroup, IgmpVersion::v2) == 60);
    CHECK(hex(out, 0, 46) == "01005e01010102bd00000001080046c000200000400001023194c0000201ef81010194040000"
                             "1600f97cef810101");
    REQUIRE(build_igmp_report(out, kReporterMac, {{192, 0, 2, 1}}, kGroup, IgmpVersion::v1) == 60);
    CHECK(hex(out, 38, 46) == "1200fd7cef810101");
}

TEST_CASE("an MLDv2 report names the groups it is given") {
    const Ipv6 address = *Ipv6::parse("fe80::1");
    const Ipv6 groups[] = {*Ipv6::parse("ff02::1:ff00:1"), *Ipv6::parse("ff05::2")};
    Buffer out = filled();
    REQUIRE(build_mld_report(out, kReporterMac, address, groups) == 110);
    CHECK(
        hex(out, 0, 111) ==
        "33330000001602bd0000000186dd6000000000380001fe800000000000000000000000000001ff0200000000000000000000"
        "000000163a000502000001008f0071ea0000000202000000ff0200000000000000000001ff00000102000000ff0500000000"
        "00000000000000000002ee");
    CHECK(build_mld_report(out, kReporterMac, address, {}) == 0);
    CHECK(build_mld_report({out.data(), 109}, kReporterMac, address, groups) == 0);
}

TEST_CASE("reports carry the tags they are given") {
    Buffer out = filled();
    REQUIRE(build_igmp_report(out, kReporterMac, {{192, 0, 2, 1}}, kGroup, IgmpVersion::v3, vlan(5)) == 64);
    CHECK(hex(out, 12, 20) == "81000005080046c0");
    const Ipv6 group = *Ipv6::parse("ff05::2");
    REQUIRE(build_mld_report(out, kReporterMac, *Ipv6::parse("fe80::1"), {&group, 1}, vlan(5)) == 94);
    CHECK(hex(out, 12, 20) == "8100000586dd6000");
}

// SPDX-License-Identifier: BSD-3-Clause
// When the neighbours are told of the bond's addresses, by whom, and how switches learn of a MAC.
#include <catch2/catch.hpp>

#include <vector>

#include "bond/announcer.hpp"
#include "proto/arp.hpp"
#include "proto/nd.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

VlanTags vlan(std::uint16_t id) {
    VlanTags tags;
    tags.push_back({ethertype::vlan, id});
    return tags;
}

LocalAddress address(std::uint8_t last, const VlanTags& tags = {}, const Mac& mac = {}) {
    LocalAddress a;
    a.prefix.v4 = Ipv4{{192, 0, 2, last}};
    a.tags = tags;
    a.mac = mac;
    return a;
}

constexpr Mac kBond{{2, 0xbd, 0, 0, 0, 1}};

} // namespace

TEST_CASE("rounds keep their distance, whoever comes late") {
    Rounds rounds;
    rounds.start(4, Time{1s});
    CHECK(rounds.deadline() == Time{1s});
    CHECK_FALSE(rounds.take(Time{999ms}, 100ms));
    CHECK(rounds.take(Time{1050ms}, 100ms)); // the first waited for something
    CHECK(rounds.deadline() == Time{1150ms});
    CHECK(rounds.take(Time{1160ms}, 100ms));
    CHECK(rounds.deadline() == Time{1250ms});
    CHECK(rounds.take(Time{1400ms}, 100ms)); // very late: no two at once
    CHECK_FALSE(rounds.take(Time{1400ms}, 100ms));
    CHECK(rounds.deadline() == Time{1500ms});
    CHECK(rounds.take(Time{1500ms}, 100ms));
    CHECK(rounds.deadline() == kNever);
    CHECK_FALSE(rounds.take(Time{1h}, 100ms));
    rounds.start(0, Time{1s});
    CHECK(rounds.deadline() == kNever);
}

TEST_CASE(
    "a round is one frame for each address and member, from the MAC and with the tags it is reached by") {
    const Mac other{{2, 0xbd, 0, 0, 0, 9}};
    LocalAddresses addresses;
    addresses.push_back(address(1));
    addresses.push_back(address(2, vlan(5), other));
    Announcer announcer;
    announcer.start(1, Time{});
    OwnFrame f;
    CHECK_FALSE(announcer.poll(f, addresses, kBond));
    announcer.handle_timeout(Time{}, 100ms, MemberSet::of_bits(0b101));
    for (const std::uint8_t member : {0, 2})
        for (const LocalAddress& a : addresses) {
            REQUIRE(announcer.poll(f, addresses, kBond));
            CHECK(f.member.value == member);
            const auto arp = parse_arp_frame({f.frame.data(), f.length});
            REQUIRE(arp);
            CHECK(arp->is_gratuitous());
            CHECK(arp->sender_ip == a.prefix.v4);
            CHECK(arp->sender_mac == (a.mac.is_zero() ? kBond : a.mac));
            CHECK(parse_eth({f.frame.data(), f.length})->tag_count == a.tags.size());
        }
    CHECK_FALSE(announcer.poll(f, addresses, kBond));
    announcer.handle_timeout(Time{1h}, 100ms, MemberSet::of_bits(0b101));
    CHECK_FALSE(announcer.poll(f, addresses, kBond));
}

TEST_CASE("a switch is taught a MAC once without a tag and once in each VLAN with an address") {
    LocalAddresses addresses;
    for (const auto& [last, tags] : {std::pair{1, VlanTags{}}, {2, vlan(5)}, {3, vlan(5)}, {4, vlan(6)}})
        addresses.push_back(address(static_cast<std::uint8_t>(last), tags));
    std::vector<unsigned> vlans;
    for (const VlanTags& tags : tag_sets(addresses)) {
        const OwnFrame f = learning_frame(MemberId{3}, kBond, tags);
        const auto eth = parse_eth({f.frame.data(), f.length});
        CHECK(f.member == MemberId{3});
        CHECK(eth->source == kBond);
        vlans.push_back(eth->tag_count == 0 ? 0U : eth->tags[0].id());
    }
    CHECK(vlans == std::vector<unsigned>{0, 5, 6});
}

TEST_CASE("every address is announced, however many, and routers' as such [field 3]", "[field3]") {
    LocalAddresses addresses;
    for (unsigned n = 0; n < 300; ++n) {
        LocalAddress a;
        a.prefix = *IpPrefix::parse("2001:db8::" + std::to_string(n + 1) + "/64");
        a.router = n % 2 == 1;
        addresses.push_back(a);
    }
    Announcer announcer;
    announcer.start(1, Time{});
    announcer.handle_timeout(Time{}, 100ms, MemberSet::of_bits(1));
    OwnFrame f;
    for (const LocalAddress& a : addresses) {
        REQUIRE(announcer.poll(f, addresses, kBond));
        const auto nd = parse_nd_frame({f.frame.data(), f.length});
        REQUIRE(nd);
        CHECK(nd->target == a.prefix.v6);
        CHECK(nd->router == a.router);
    }
    CHECK_FALSE(announcer.poll(f, addresses, kBond));
}

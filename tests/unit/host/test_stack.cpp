// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "host/stack.hpp"

using namespace dpdkbond;

namespace {

constexpr int kBond = 5;
constexpr Mac kOwn{{2, 0xbd, 0, 0, 0, 1}}, kOther{{2, 0xbd, 0, 0, 0, 9}};

LinkEvent link(int ifindex, const std::string& kind, int lower, Mac mac = kOwn) {
    LinkEvent e;
    e.ifindex = ifindex;
    e.kind = kind;
    e.iflink = lower;
    e.mac = mac;
    e.admin_up = true;
    return e;
}

LinkEvent vlan(int ifindex, int lower, std::uint16_t id, std::uint16_t protocol = 0x8100) {
    LinkEvent e = link(ifindex, "vlan", lower);
    e.vlan_id = id;
    e.vlan_protocol = protocol;
    return e;
}

AddressEvent address(int ifindex, const char* text) {
    AddressEvent e;
    e.ifindex = ifindex;
    e.prefix = *IpPrefix::parse(text);
    return e;
}

StackedAddress at(const char* text, Mac mac = kOwn, std::vector<StackedAddress::Tag> tags = {}) {
    return {*IpPrefix::parse(text), mac, std::move(tags)};
}

} // namespace

TEST_CASE("addresses of all that is stacked on a device, with tags and MAC") {
    Stack stack;
    stack.handle(link(kBond, "tun", 0));
    stack.handle(address(kBond, "192.0.2.1/24"));
    stack.handle(vlan(6, kBond, 100, 0x88a8));
    stack.handle(vlan(7, 6, 5));
    stack.handle(address(7, "198.51.100.1/24"));
    stack.handle(link(8, "macvlan", kBond, kOther));
    stack.handle(address(8, "192.0.2.9/24"));
    stack.handle(vlan(9, 8, 30));
    stack.handle(address(9, "2001:db8::1/64"));
    stack.handle(link(10, "veth", kBond));
    stack.handle(address(10, "203.0.113.1/24"));
    const std::vector<StackedAddress> expected = {
        at("192.0.2.1/24"), at("198.51.100.1/24", kOwn, {{0x88a8, 100}, {0x8100, 5}}),
        at("192.0.2.9/24", kOther), at("2001:db8::1/64", kOwn, {{0x8100, 30}})};
    CHECK(stack.addresses(kBond) == expected);
    CHECK(stack.vlans(kBond) == std::set<std::uint16_t>{30}); // the other's outermost tag is an S-tag
}

TEST_CASE("what is down, tentative or gone has no addresses") {
    Stack stack;
    stack.handle(link(kBond, "tun", 0));
    stack.handle(vlan(6, kBond, 7));
    stack.handle(address(6, "198.51.100.1/24"));
    CHECK(stack.addresses(kBond).size() == 1);
    LinkEvent down = vlan(6, kBond, 7);
    down.admin_up = false;
    stack.handle(down);
    CHECK(stack.addresses(kBond).empty());
    CHECK(stack.vlans(kBond).empty());
    stack.handle(vlan(6, kBond, 7));
    AddressEvent gone = address(6, "198.51.100.1/24");
    gone.added = false;
    stack.handle(gone);
    AddressEvent tentative = address(6, "2001:db8::1/64");
    tentative.tentative = true;
    stack.handle(tentative);
    CHECK(stack.addresses(kBond).empty());
    stack.handle(address(6, "2001:db8::1/64"));
    CHECK(stack.addresses(kBond).size() == 1);
    stack.handle(tentative); // a duplicate was found
    CHECK(stack.addresses(kBond).empty());
    stack.handle(address(6, "2001:db8::1/64"));
    LinkEvent deleted = vlan(6, kBond, 7);
    deleted.deleted = true;
    stack.handle(deleted);
    stack.handle(vlan(6, kBond, 7)); // another one under the number
    CHECK(stack.addresses(kBond).empty());
}

TEST_CASE("a device that was moved to another namespace is still stacked on ours") {
    Stack stack;
    stack.handle(link(kBond, "tun", 0));
    LinkEvent moved = link(kBond, "macvlan", kBond, kOther); // the same number, there
    moved.nsid = 3;
    stack.handle(moved);
    AddressEvent there = address(kBond, "192.0.2.9/24");
    there.nsid = 3;
    stack.handle(there);
    const std::vector<StackedAddress> expected = {at("192.0.2.9/24", kOther)};
    CHECK(stack.addresses(kBond) == expected);
    moved.lower_nsid = kUnknownNamespace; // it is on a device of a third namespace
    stack.handle(moved);
    CHECK(stack.addresses(kBond).empty());
    moved.lower_nsid = kOwnNamespace;
    stack.handle(moved);
    stack.forget_namespace(3);
    CHECK(stack.addresses(kBond).empty());
}

TEST_CASE("devices that are stacked in a ring end") {
    Stack stack;
    stack.handle(link(kBond, "macvlan", 6));
    stack.handle(link(6, "macvlan", kBond));
    stack.handle(address(6, "192.0.2.9/24"));
    CHECK_FALSE(stack.addresses(kBond).empty());
}

TEST_CASE("the bridge that a device is a port of, and what is stacked on that, is reached by it [D13]",
          "[D13]") {
    Stack stack;
    LinkEvent bond = link(kBond, "tun", 0);
    stack.handle(bond);
    stack.handle(link(6, "bridge", 0, kOther));
    stack.handle(address(6, "192.0.2.1/24"));
    stack.handle(vlan(7, 6, 5));
    stack.handle(address(7, "198.51.100.1/24"));
    CHECK(stack.addresses(kBond).empty());
    bond.master_ifindex = 6;
    stack.handle(bond);
    const std::vector<StackedAddress> expected = {at("192.0.2.1/24", kOther),
                                                  at("198.51.100.1/24", kOwn, {{0x8100, 5}})};
    CHECK(stack.addresses(kBond) == expected);
    CHECK(stack.devices(kBond).size() == 3); // whose memberships are reported again
    CHECK(stack.vlans(kBond) == std::set<std::uint16_t>{5});
    stack.handle(link(8, "bond", 0)); // a master of another kind takes frames in its own way
    bond.master_ifindex = 8;
    stack.handle(bond);
    CHECK(stack.addresses(kBond).empty());
}

TEST_CASE("addresses keep the kernel's order and say whether a router has them [D7]", "[D7]") {
    Stack stack;
    stack.handle(link(kBond, "tun", 0));
    stack.handle(vlan(6, kBond, 5));
    stack.handle(address(kBond, "2001:db8::9/64"));
    AddressEvent secondary = address(kBond, "2001:db8::1/64");
    secondary.secondary = secondary.deprecated = true;
    stack.handle(secondary);
    stack.handle(address(6, "2001:db8:5::1/64"));
    stack.handle(ForwardingEvent{.ifindex = 6, .on = true});
    auto all = stack.addresses(kBond);
    REQUIRE(all.size() == 3);
    CHECK(all[0].prefix == *IpPrefix::parse("2001:db8::9/64"));
    CHECK_FALSE(all[0].secondary);
    CHECK(all[1].secondary);
    CHECK(all[1].deprecated);
    CHECK_FALSE(all[0].router);
    CHECK(all[2].router);
    stack.handle(ForwardingEvent{.ifindex = 6, .on = false});
    CHECK_FALSE(stack.addresses(kBond)[2].router);
}

TEST_CASE("what others have made of a member's netdev is known as it comes and goes") {
    Stack stack;
    CHECK_FALSE(stack.uses(3));
    LinkEvent member = link(3, "veth", 44);
    stack.handle(member);
    CHECK(stack.uses(3) == std::vector<std::string>{});
    LinkEvent bridge = link(9, "bridge", 0);
    bridge.name = "br0";
    stack.handle(bridge);
    member.master_ifindex = 9;
    stack.handle(member);
    stack.handle(address(3, "198.51.100.7/24"));
    stack.handle(address(3, "fe80::1/64")); // comes by itself
    LinkEvent above = link(11, "macvlan", 3);
    above.name = "mv0";
    stack.handle(above);
    stack.handle(link(12, "veth", 3)); // its far end, or one of another namespace
    const std::vector<std::string> all = {"master br0", "address 198.51.100.7/24", "macvlan mv0"};
    CHECK(stack.uses(3) == all);
    CHECK(stack.has_address(3, *IpPrefix::parse("198.51.100.7/24")));
    member.master_ifindex = 0;
    stack.handle(member);
    above.deleted = true;
    stack.handle(above);
    AddressEvent gone = address(3, "198.51.100.7/24");
    gone.added = false;
    stack.handle(gone);
    CHECK(stack.uses(3) == std::vector<std::string>{});
    CHECK_FALSE(stack.has_address(3, *IpPrefix::parse("198.51.100.7/24")));
}

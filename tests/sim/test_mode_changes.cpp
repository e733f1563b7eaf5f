// SPDX-License-Identifier: BSD-3-Clause
// What the random lives of tests/property/test_bond_property.cpp have found, each by itself: changes of the
// mode, members without a MAC, and what readers of the status are told.
#include <catch2/catch.hpp>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "numbered.hpp"
#include "proto/arp.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;
using dpdkbond::testing::own;
using namespace std::chrono_literals;

namespace mode_changes { // its names are other files' too

namespace {

constexpr Mac kBondMac{{2, 0xaa, 0, 0, 0, 1}};
constexpr Ipv4 kOurs{{192, 0, 2, 1}}, kHost{{192, 0, 2, 11}};
constexpr Mac kHostMac{{2, 0xc, 0, 0, 0, 11}};

struct House {
    Time now = time_from_ns(1'000'000'000);
    BondOptions options;
    std::unique_ptr<Controller> controller;
    Bond bond;

    explicit House(Mode mode, BondOptions o = {})
        : options(std::move(o)), controller(find_mode(mode)->control_half()),
          bond("b", parts(mode, *controller), options, kBondMac, 1500) {
        LocalAddresses addresses;
        addresses.push_back({.prefix = {false, kOurs, {}, 24}});
        bond.set_addresses(addresses);
    }
    ModeParts parts(Mode mode, Controller& c) const {
        return {mode, &c, find_mode(mode)->data_half(options), find_mode(mode)->punt};
    }
    void join(unsigned n, Mac perm, bool carrier = true) {
        MemberInfo info;
        info.name = "m" + std::to_string(n);
        info.perm_mac = perm;
        REQUIRE(bond.add_member(info, {carrier, 1000, Duplex::full}, now).ok());
    }
    void change(Mode mode) {
        auto next = find_mode(mode)->control_half();
        bond.set_mode(parts(mode, *next), options, now);
        controller = std::move(next);
    }
    void apply() { bond.macs_applied(bond.mac_plan().version, now); }
    std::vector<std::pair<MemberId, ArpPacket>> arps() {
        std::vector<std::pair<MemberId, ArpPacket>> all;
        for (Bond::Transmit t; bond.poll_transmit(t);)
            if (const auto arp = parse_arp_frame({t.frame.data(), t.length}))
                all.emplace_back(t.member, *arp);
        return all;
    }
    Mac worn(unsigned n) {
        for (const MemberMac& m : bond.mac_plan().members)
            if (m.id == id(n)) return m.mac;
        return {};
    }
    BondStatus status() {
        BondStatus s;
        bond.fill(s);
        return s;
    }
};

} // namespace

TEST_CASE(
    "a change to balance-spray is announced once devices wear their own MACs, with that of the active") {
    House h(Mode::balance_rr);
    h.join(0, own(0));
    h.join(1, own(1));
    h.apply();
    h.arps();
    h.change(Mode::balance_spray);
    for (const auto& [by, arp] : h.arps()) CHECK(arp.sender_mac != kBondMac);
    h.apply();
    const auto said = h.arps();
    REQUIRE_FALSE(said.empty());
    for (const auto& [by, arp] : said) {
        CHECK(by == h.bond.active());
        CHECK(arp.sender_mac == own(by.value));
    }
}

TEST_CASE(
    "a new mode that cannot send yet loses the member that still does: another one that is up takes over") {
    House h(Mode::active_backup);
    h.join(0, own(0));
    h.join(1, own(1));
    h.apply();
    h.change(Mode::ieee8023ad);
    REQUIRE(h.bond.active() == id(0));
    h.bond.set_link_admin(id(0), false, h.now);
    CHECK(h.bond.active() == id(1));
    CHECK(h.status().link_up);
    h.bond.set_link_admin(id(1), false, h.now);
    CHECK_FALSE(h.status().link_up);
}

TEST_CASE("leaving balance-spray is announced with the bond's MAC, when members wear it again [D6]", "[D6]") {
    House h(Mode::balance_spray);
    h.join(0, own(0));
    h.join(1, own(1));
    h.apply();
    h.arps();
    h.change(Mode::balance_xor);
    h.apply();
    const auto said = h.arps();
    REQUIRE(said.size() == 1);
    CHECK(said[0].second.is_gratuitous());
    CHECK(said[0].second.sender_mac == kBondMac);
}

TEST_CASE("a change of mode while no member is up is announced by the first that comes up") {
    House h(Mode::balance_spray);
    h.join(0, own(0), false);
    h.change(Mode::active_backup);
    h.apply();
    CHECK(h.arps().empty());
    h.bond.handle_link(id(0), {true, 1000, Duplex::full}, h.now);
    CHECK_FALSE(h.arps().empty());
}

TEST_CASE("neighbours of balance-alb are told the MAC by which they reach the next mode [D6]", "[D6]") {
    for (const Mode mode : {Mode::active_backup, Mode::balance_spray}) {
        House h(Mode::balance_alb);
        h.join(0, own(0));
        h.join(1, own(1));
        h.apply();
        std::uint8_t frame[64];
        for (std::uint8_t n = 20; n < 22; ++n) {
            const Mac mac{{2, 0xc, 0, 0, 0, n}};
            const auto length =
                build_arp(frame, mac, kBondMac, {ArpOp::reply, kBondMac, kOurs, mac, Ipv4{{192, 0, 2, n}}});
            h.bond.handle_frame(kNoMember, {frame, length}, h.now);
        }
        h.arps();
        h.change(mode);
        unsigned corrected = 0;
        const Mac reached = mode == Mode::active_backup ? kBondMac : own(h.bond.active().value);
        for (const auto& [by, arp] : h.arps())
            if (arp.op == ArpOp::reply) {
                ++corrected;
                CHECK(by == h.bond.active());
                CHECK(arp.sender_mac == reached);
            }
        CHECK(corrected != 0);
        h.apply();
        for (const auto& [by, arp] : h.arps()) CHECK(arp.sender_mac == reached);
    }
}

TEST_CASE("while a new mode finds out who sends, no member that has left is received on") {
    House h(Mode::balance_rr);
    h.join(0, own(0));
    h.join(1, own(1));
    h.change(Mode::ieee8023ad);
    h.bond.dismiss_member(id(1), h.now);
    h.bond.remove_member(id(1), h.now);
    Snapshot s;
    h.bond.fill(s);
    CHECK(s.rx_accept.bits() == 1);
}

TEST_CASE("a member without a MAC that becomes active leaves the bond's MAC to no other") {
    House h(Mode::balance_tlb);
    h.bond.set_mac(own(0), h.now);
    h.join(0, own(0), false); // wears the bond's
    h.join(1, Mac{});
    CHECK(h.bond.active() == id(1));
    CHECK_FALSE(h.worn(0).is_zero());
    CHECK(h.worn(0) != own(0));
}

TEST_CASE("balance-spray asks by a member without a MAC under the bond's") {
    BondOptions o;
    o.spray.addresses.push_back({"m0", IpPrefix{false, Ipv4{{10, 0, 0, 1}}, {}, 24}});
    o.spray.peers.push_back({Ipv4{{10, 99, 255, 2}}, {{"m0", Ipv4{{10, 0, 0, 2}}, {}, 0}}});
    House h(Mode::balance_spray, o);
    h.join(0, Mac{});
    h.bond.handle_timeout(h.now);
    const auto asked = h.arps();
    REQUIRE_FALSE(asked.empty());
    for (const auto& [by, arp] : asked) CHECK(arp.sender_mac == kBondMac);
}

TEST_CASE("a frame of the logical interface that no member can send is counted [D23]", "[D23]") {
    House h(Mode::balance_alb);
    std::uint8_t frame[64];
    const auto length =
        build_arp(frame, kHostMac, kBondMac, {ArpOp::reply, kBondMac, kOurs, kHostMac, kHost});
    h.bond.handle_frame(kNoMember, {frame, length}, h.now);
    CHECK(h.arps().empty());
    CHECK(h.bond.frames_lost().no_member == 1);
}

TEST_CASE("frames of control's own that find no room are counted, whichever mode made them [D23]", "[D23]") {
    std::uint8_t frame[64];
    constexpr unsigned kMany = 3000;
    const auto says_a_lot = [&](House& h) { // the logical interface
        for (unsigned i = 0; i < kMany; ++i) {
            const auto length =
                build_arp(frame, kHostMac, kBondMac, {ArpOp::reply, kBondMac, kOurs, kHostMac, kHost});
            h.bond.handle_frame(kNoMember, {frame, length}, h.now);
        }
    };
    SECTION("balance-alb: what the logical interface sends") {
        House h(Mode::balance_alb);
        h.join(0, own(0));
        h.join(1, own(1));
        h.apply();
        h.arps();
        says_a_lot(h);
        const std::size_t sent = h.arps().size();
        CHECK(h.bond.frames_lost().no_room > 0);
        CHECK(sent + h.bond.frames_lost().no_room >= kMany);
    }
    SECTION("balance-spray: answers about members' own addresses") {
        BondOptions o;
        o.spray.addresses.push_back({"m0", IpPrefix{false, Ipv4{{10, 0, 0, 1}}, {}, 24}});
        o.spray.peers.push_back({Ipv4{{10, 99, 255, 2}}, {{"m0", Ipv4{{10, 0, 0, 2}}, {}, 0}}});
        House h(Mode::balance_spray, o);
        h.join(0, own(0));
        h.apply();
        h.arps();
        const Ipv4 theirs{{10, 0, 0, 2}}, ours{{10, 0, 0, 1}};
        const Mac everybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
        for (unsigned i = 0; i < kMany; ++i) {
            const auto length =
                build_arp(frame, everybody, kHostMac, {ArpOp::request, kHostMac, theirs, Mac{}, ours});
            h.bond.handle_frame(id(0), {frame, length}, h.now);
        }
        const std::size_t sent = h.arps().size();
        CHECK(h.bond.frames_lost().no_room > 0);
        CHECK(sent + h.bond.frames_lost().no_room >= kMany);
    }
    SECTION("the counts outlive the mode") {
        House h(Mode::balance_alb);
        h.join(0, own(0));
        h.apply();
        h.arps();
        says_a_lot(h);
        const std::uint64_t before = h.bond.frames_lost().no_room;
        REQUIRE(before > 0);
        h.change(Mode::active_backup);
        CHECK(h.bond.frames_lost().no_room >= before);
    }
}

TEST_CASE("readers are told when a member's delay has run out, and when a leaving one is taken out") {
    BondOptions o;
    o.updelay = 1000;
    House h(Mode::balance_rr, o);
    h.join(0, own(0));
    h.join(1, own(1), false);
    h.bond.dismiss_member(id(1), h.now);
    h.bond.handle_link(id(1), {true, 1000, Duplex::full}, h.now);
    (void)h.bond.take_changed();
    CHECK(h.status().members[1].mii == MiiStatus::going_back);
    h.now += 1s;
    h.bond.handle_timeout(h.now);
    CHECK(h.status().members[1].mii == MiiStatus::up);
    CHECK(h.bond.take_changed());
    h.bond.set_link_admin(id(1), false, h.now);
    CHECK(h.bond.take_changed());
}

} // namespace mode_changes

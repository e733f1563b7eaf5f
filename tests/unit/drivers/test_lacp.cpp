// SPDX-License-Identifier: BSD-3-Clause
// 802.3ad below a Bond.
#include <fmt/ranges.h>

#include "lacp_pair.hpp"
#include "proto/arp.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

TEST_CASE("two bonds agree, and use every link from then on") {
    Pair p;
    CHECK(p.a.bond.usable().bits() == 0);
    CHECK(p.a.snapshot().rx_accept.bits() == 0);
    p.run(4s);
    CHECK(p.a.bond.usable().bits() == 3);
    CHECK(p.a.bond.link_up());
    const Snapshot s = p.a.snapshot();
    CHECK(s.rx_accept.bits() == 3);
    CHECK(s.tx_count == 2);
    CHECK(s.punt != nullptr);
    for (const lacp::PortStatus& port : p.a.lacp().ports) {
        CHECK(port.actor.state.value == 0x3f);
        CHECK(port.partner.state.value == 0x3f);
    }
}

TEST_CASE("a start says what has come of it, and no step on the way", "[operator]") {
    Pair p;
    p.run(90s);
    std::vector<std::string> told;
    for (const Event& e : p.a.events)
        if (e.member == "m1") told.push_back(std::string(event_name(e.kind)) + " " + e.detail.str());
    INFO(fmt::format("{}", fmt::join(told, "; ")));
    REQUIRE(told.size() >= 6);
    CHECK(told.size() <= 7); // a port may begin on an aggregator of its own
    CHECK_FALSE(p.a.heard_of(EventKind::lacp_churn));
    CHECK(told[0] == "member_added ");
    CHECK(told[1] == "member_up carrier");
    CHECK(std::ranges::count(told, "lacp_receive EXPIRED -> CURRENT") == 1);
    CHECK(std::ranges::count(told, "lacp_mux ATTACHED -> COLLECTING_DISTRIBUTING") == 1);

    p.a.events.clear();
    p.cut = 2;
    p.run(90s);
    told.clear();
    for (const Event& e : p.a.events)
        if (e.kind == EventKind::lacp_receive || e.kind == EventKind::lacp_churn)
            told.push_back(e.detail.str());
    CHECK(told == std::vector<std::string>{"CURRENT -> EXPIRED: the partner has fallen silent",
                                           "EXPIRED -> DEFAULTED: no partner is heard",
                                           "partner: not in sync for a minute",
                                           "actor: not in sync for a minute"});
}

TEST_CASE("LACPDUs carry the member's own address, and the bond's as the system") {
    Pair p;
    REQUIRE(p.to_b.size() >= 2);
    for (const OwnFrame& f : p.to_b) {
        CHECK(f.length == 124);
        CHECK(f.frame[10] == 0xa);
        CHECK(f.frame[11] == f.member.value);
        CHECK(decode_lacpdu({f.frame.data(), f.length})->actor.system == p.a.bond.mac());
    }
}

TEST_CASE("a link on which the partner takes nothing in yet sends nothing while another does") {
    Pair p;
    p.run(4s);
    const auto say = [&](std::uint8_t member, bool collecting) { // what b would say of this link
        const lacp::BondStatus status = p.b.lacp();
        const lacp::PortStatus& port = status.ports[member];
        Lacpdu pdu;
        pdu.actor = port.actor;
        pdu.partner = port.partner;
        if (!collecting) pdu.actor.state.clear(StateBit::collecting);
        SlowFrame frame;
        encode_lacpdu(frame, Mac{{2, 0, 0, 0, 0xb, member}}, pdu);
        p.a.bond.handle_frame(MemberId{member}, frame, p.now);
    };
    say(1, false);
    CHECK(p.a.bond.usable().bits() == 3);
    CHECK(p.a.bond.link_up());
    CHECK(p.a.snapshot().senders.bits() == 1);
    CHECK(p.a.snapshot().rx_accept.bits() == 3);
    say(0, false); // nowhere: then what the standard allows
    CHECK(p.a.snapshot().senders.bits() == 3);
    say(1, true);
    CHECK(p.a.snapshot().senders.bits() == 2);
    say(0, true);
    p.run(1s); // flows move back by markers
    CHECK(p.a.snapshot().senders.bits() == 3);
}

TEST_CASE("a lost link takes its member out at once") {
    Pair p;
    p.run(4s);
    p.a.bond.handle_link(MemberId{1}, kDown, p.now);
    CHECK(p.a.bond.usable().bits() == 1);
    CHECK(p.a.snapshot().rx_accept.bits() == 1);
    CHECK(p.a.bond.take_changed());
    p.a.bond.handle_link(MemberId{1}, kUp, p.now);
    p.run(4s);
    CHECK(p.a.bond.usable().bits() == 3);
}

TEST_CASE("a partner that falls silent on one link costs that member after three seconds") {
    Pair p;
    p.run(4s);
    p.cut = 2;
    p.run(1900ms);
    CHECK(p.a.bond.usable().bits() == 3);
    p.run(2100ms);
    CHECK(p.a.bond.usable().bits() == 1);
    CHECK(p.a.heard_of(EventKind::lacp_receive));
    p.cut = 0;
    p.run(6s);
    CHECK(p.a.bond.usable().bits() == 3);
}

TEST_CASE("a member that leaves says so, and the partner stops sending to it") {
    Pair p;
    p.run(4s);
    SECTION("when it is dismissed, while it is still reachable") {
        p.a.bond.dismiss_member(MemberId{1}, p.now);
        CHECK(p.a.snapshot().rx_count == 2);
        CHECK(p.a.bond.usable().bits() == 1);
        CHECK(p.a.snapshot().senders.bits() == 1);
    }
    SECTION("when it is removed without notice") { p.a.bond.remove_member(MemberId{1}, p.now); }
    p.exchange();
    CHECK(p.to_b.back().member == MemberId{1});
    CHECK((p.last_to_b().actor.state.value & 0x3c) == 0);
    CHECK((p.b.bond.usable().bits() & 2U) == 0);
    CHECK(p.a.heard_of(EventKind::lacp_left));
    const auto sent = p.to_b.size();
    p.a.bond.remove_member(MemberId{1}, p.now);
    p.exchange();
    for (std::size_t i = sent; i < p.to_b.size(); ++i) CHECK(p.to_b[i].member != MemberId{1});
}

TEST_CASE("a bond that changes its mode takes leave on every link, and can come back") {
    Pair p;
    p.run(4s);
    const ModeDescriptor* xor_mode = find_mode(Mode::balance_xor);
    auto other = xor_mode->control_half();
    p.to_b.clear();
    p.a.bond.set_mode({Mode::balance_xor, other.get(), xor_mode->data_half(fast())}, fast(), p.now);
    p.exchange();
    REQUIRE(p.to_b.size() == 2);
    for (const OwnFrame& f : p.to_b)
        CHECK((decode_lacpdu({f.frame.data(), f.length})->actor.state.value & 0x3c) == 0);
    CHECK(p.a.bond.usable().bits() == 3);
    CHECK(p.a.snapshot().punt == nullptr);

    auto again = p.a.mode->control_half();
    p.a.bond.set_mode({Mode::ieee8023ad, again.get(), p.a.mode->data_half(fast()), p.a.mode->punt}, fast(),
                      p.now);
    p.a.controller.swap(again);
    p.run(8s);
    CHECK(p.a.bond.usable().bits() == 3);
    CHECK(p.b.bond.usable().bits() == 3);
}

namespace {

// Another mode's bond turns to 802.3ad.
struct Turning : Pair {
    std::unique_ptr<Controller> mine = std::move(a.controller), xor_half;

    explicit Turning(const BondOptions& options = fast()) {
        const ModeDescriptor* xor_mode = find_mode(Mode::balance_xor);
        xor_half = xor_mode->control_half();
        a.bond.set_mode({Mode::balance_xor, xor_half.get(), xor_mode->data_half(options)}, options, now);
        exchange();
        a.events.clear();
        a.controller = a.mode->control_half();
        a.bond.set_mode({Mode::ieee8023ad, a.controller.get(), a.mode->data_half(options), a.mode->punt},
                        options, now);
    }
    [[nodiscard]] std::uint32_t distributing() { return a.lacp().forwarding.distributing.bits(); }
};

} // namespace

TEST_CASE("until LACP knows who may send, a bond that was in another mode goes on as before") {
    Turning p;
    bool gap = false;
    for (int i = 0; i < 80 && p.distributing() == 0; ++i) {
        gap |= p.a.bond.usable().bits() != 3 || !p.a.bond.link_up();
        p.run(100ms);
    }
    CHECK_FALSE(gap);
    CHECK(p.distributing() != 0);
    p.run(4s);
    CHECK(p.a.bond.usable().bits() == 3);
    CHECK(p.b.bond.usable().bits() == 3);
    CHECK_FALSE(p.a.heard_of(EventKind::bond_down));
}

TEST_CASE("a member that is lost meanwhile does not go on, and for ever nobody does") {
    Turning p;
    p.cut = 3; // no partner is heard
    p.a.bond.handle_link(MemberId{0}, kDown, p.now);
    CHECK(p.a.bond.usable().bits() == 2);
    CHECK(p.a.bond.link_up());
    p.a.bond.handle_link(MemberId{1}, kDown, p.now);
    CHECK(p.a.bond.usable().bits() == 0);
    p.a.bond.handle_link(MemberId{1}, kUp, p.now);
    CHECK(p.a.bond.usable().bits() == 0); // it is LACP's turn now
}

TEST_CASE("without a partner a bond that was in another mode ends where it would have begun") {
    Turning p;
    p.cut = 3;
    p.run(10s);
    Pair fresh;
    fresh.cut = 3;
    fresh.run(10s);
    CHECK(p.a.bond.usable().bits() == p.distributing());
    CHECK(std::popcount(p.a.bond.usable().bits()) == std::popcount(fresh.a.bond.usable().bits()));
}

TEST_CASE("lacp_strict sends nothing before a partner agrees, whatever the mode was before") {
    BondOptions options = fast();
    options.lacp_strict = true;
    Turning p(options);
    CHECK(p.a.bond.usable().bits() == 0);
    CHECK_FALSE(p.a.bond.link_up());
}

TEST_CASE("min_links takes the bond's carrier with fewer links in the active aggregator, at run time too") {
    BondOptions options = fast();
    options.min_links = 2;
    Pair p(options);
    CHECK(p.a.bond.link_up()); // both are up and have heard the same partner
    p.run(4s);
    CHECK(p.a.bond.link_up());
    p.a.bond.handle_link(MemberId{0}, kDown, p.now);
    CHECK_FALSE(p.a.bond.link_up());
    CHECK(p.a.bond.usable().bits() == 2);
    options.min_links = 1;
    p.a.bond.set_options(options, p.a.mode->data_half(options), p.now);
    CHECK(p.a.bond.link_up());
    p.a.bond.handle_link(MemberId{1}, kDown, p.now);
    CHECK_FALSE(p.a.bond.link_up());
}

TEST_CASE("without a partner one member carries traffic and the operator is told; lacp_strict forbids it") {
    BondOptions options = fast();
    Pair p(options);
    p.cut = 3;
    p.run(20s);
    CHECK(__builtin_popcount(p.a.bond.usable().bits()) == 1);
    CHECK(p.a.bond.link_up());
    CHECK(p.a.heard_of(EventKind::lacp_no_partner));
    options.lacp_strict = true;
    p.a.bond.set_options(options, p.a.mode->data_half(options), p.now);
    CHECK(p.a.bond.usable().bits() == 0);
    CHECK_FALSE(p.a.bond.link_up());
    p.cut = 0;
    p.run(40s); // neither has heard whether the other wants to be told every second
    CHECK(p.a.bond.usable().bits() == 3);
    CHECK(p.a.bond.link_up());
}

TEST_CASE("all_slaves_active lets every member be heard") {
    BondOptions options = fast();
    options.all_slaves_active = true;
    Pair p(options);
    CHECK(p.a.bond.usable().bits() == 0);
    CHECK(p.a.snapshot().rx_accept.bits() == 3);
}

TEST_CASE("options reach the LACPDUs of a running bond") {
    Pair p;
    p.run(4s);
    BondOptions options = fast();
    options.lacp_rate = LacpRate::slow;
    options.ad_actor_sys_prio = 7;
    options.ad_user_port_key = 3;
    options.ad_actor_system = Mac{{2, 9, 9, 9, 9, 9}};
    p.a.bond.set_options(options, p.a.mode->data_half(options), p.now);
    MemberOptions of_member;
    of_member.actor_port_prio = 12;
    p.a.bond.set_member_options(MemberId{0}, of_member, p.now);
    p.run(8s);
    CHECK(p.a.bond.usable().bits() == 3);
    const lacp::PortStatus port = p.b.lacp().ports[0];
    CHECK(port.partner.system == options.ad_actor_system);
    CHECK(port.partner.system_priority.value == 7);
    CHECK(port.partner.key.value == (3U << 6U | 15U));
    CHECK(port.partner.port_priority.value == 12);
    CHECK_FALSE(port.partner.state.has(StateBit::timeout));
}

TEST_CASE("members whose speed nobody knows aggregate with one another, half duplex stays alone") {
    Pair p(fast(), 3);
    for (Side* side : {&p.a, &p.b}) {
        side->bond.handle_link(MemberId{0}, {true, 0, Duplex::unknown}, p.now);
        side->bond.handle_link(MemberId{1}, {true, 0, Duplex::unknown}, p.now);
        side->bond.handle_link(MemberId{2}, {true, 100, Duplex::half}, p.now);
    }
    p.run(8s);
    CHECK(p.a.bond.usable().bits() == 3);
    CHECK(p.a.lacp().ports[0].actor.key == p.a.lacp().ports[1].actor.key);
    CHECK_FALSE(p.a.lacp().ports[2].actor.state.has(StateBit::aggregation));
}

TEST_CASE("the status of another mode's controller is none") {
    lacp::BondStatus s;
    CHECK_FALSE(lacp_status(*find_mode(Mode::balance_rr)->control_half(), s));
}

TEST_CASE("broadcast_neighbor: a member that begins to send is announced by every one that sends") {
    BondOptions options = fast();
    options.broadcast_neighbor = true;
    options.num_grat_arp = 2;
    Pair pair(options);
    pair.a.bond.macs_applied(pair.a.bond.mac_plan().version, pair.now);
    LocalAddresses addresses;
    addresses.push_back({});
    pair.a.bond.set_addresses(addresses);
    const auto announced_by = [&] {
        std::uint32_t by = 0;
        for (const OwnFrame& f : pair.to_b)
            if (parse_arp_frame({f.frame.data(), f.length})) by += 1U << 8U * f.member.value;
        pair.to_b.clear();
        return by; // a byte for each member: how often
    };
    pair.run(5s);
    announced_by();
    pair.a.bond.handle_link(MemberId{1}, kDown, pair.now);
    pair.run(5s);
    CHECK(announced_by() == 0);
    pair.a.bond.handle_link(MemberId{1}, kUp, pair.now);
    pair.run(5s);
    CHECK(announced_by() == 0x0202);
}

TEST_CASE(
    "min_links counts ports of the active aggregator that are up: silence leaves the carrier [min_links]",
    "[min_links]") {
    BondOptions options = fast();
    options.min_links = 1;
    SECTION("without lacp_strict") {
        Pair p(options);
        p.run(5s);
        REQUIRE(p.a.bond.link_up());
        p.a.events.clear();
        p.cut = 3;
        p.run(20s);
        CHECK(p.a.bond.link_up());
        CHECK_FALSE(p.a.heard_of(EventKind::bond_down));
        p.link(0, false);
        p.link(1, false);
        CHECK_FALSE(p.a.bond.link_up());
    }
    SECTION("with lacp_strict collecting and distributing counts") {
        options.lacp_strict = true;
        Pair p(options);
        p.run(5s);
        REQUIRE(p.a.bond.link_up());
        p.cut = 3;
        p.run(5s);
        CHECK_FALSE(p.a.bond.link_up());
    }
    SECTION("two wanted, one up") {
        options.min_links = 2;
        Pair p(options);
        p.run(5s);
        REQUIRE(p.a.bond.link_up());
        p.link(1, false);
        CHECK_FALSE(p.a.bond.link_up());
    }
}

TEST_CASE("the status says why a member is not used [A3]", "[A3]") {
    Pair p(fast());
    const auto why = [&](unsigned member) {
        BondStatus s;
        p.a.bond.fill(s);
        return s.members[member].objection.str();
    };
    SECTION("nobody behind it") {
        p.run(5s);
        p.cut = 4;
        p.add(p.a, 2, 0xa);
        p.exchange();
        CHECK(why(2) == "lacp: no partner has been heard");
        p.run(10s);
        CHECK(why(0).empty());
        CHECK(why(2) == "lacp: no partner has been heard");
    }
    SECTION("its own frames come back") {
        p.run(5s);
        p.cut = 4;
        p.add(p.a, 2, 0xa);
        Lacpdu own;
        own.actor.system = p.a.bond.mac();
        SlowFrame frame;
        encode_lacpdu(frame, Mac{{2, 0, 0, 9, 9, 9}}, own);
        p.a.bond.handle_frame(MemberId{2}, frame, p.now);
        p.run(1s);
        CHECK(why(2).find("lacp: it hears this bond's own LACPDUs") == 0);
        p.link(2, false);
        p.link(2, true);
        p.run(1s);
        CHECK(why(2) == "lacp: no partner has been heard");
    }
    SECTION("its partner fell silent") {
        p.run(5s);
        p.cut = 2;
        p.run(20s);
        CHECK(why(0).empty());
        CHECK(why(1) == "lacp: the partner is not heard any more");
    }
    SECTION("nobody answers on any: down, though the carrier stays for the while") {
        p.run(5s);
        p.cut = 3;
        p.run(4s);
        BondStatus s;
        p.a.bond.fill(s);
        REQUIRE(s.link_up);
        REQUIRE_FALSE(s.members[0].usable);
        CHECK(s.health == Health::down);
    }
    SECTION("another speed") {
        p.run(5s);
        p.a.bond.handle_link(MemberId{1}, {true, 1000, Duplex::full}, p.now);
        p.run(5s);
        CHECK(why(0).empty());
        CHECK(why(1).find("lacp: its key is ") == 0);
    }
    SECTION("another partner") {
        p.run(5s);
        p.add(p.a, 2, 0xa);
        Lacpdu pdu;
        pdu.actor.system = Mac{{2, 0, 0, 9, 9, 9}};
        pdu.actor.key = {7};
        pdu.actor.port = {1};
        pdu.actor.state.set(StateBit::activity, true);
        pdu.actor.state.set(StateBit::timeout, true);
        pdu.actor.state.set(StateBit::aggregation, true);
        for (int i = 0; i < 5; ++i) {
            SlowFrame frame;
            encode_lacpdu(frame, Mac{{2, 0, 0, 9, 9, 9}}, pdu);
            p.a.bond.handle_frame(MemberId{2}, frame, p.now);
            p.run(1s);
        }
        CHECK(why(2).find("lacp: its partner is 02:00:00:09:09:09, the active aggregator's is ") == 0);
    }
}

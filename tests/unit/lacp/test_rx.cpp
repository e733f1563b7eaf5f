// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

std::optional<RxState> rx_next(const Port& port, Duration since_start = 0s) {
    return RxMachine::next(port, at(since_start));
}
Port in_state(RxState state) {
    Port port = make_current();
    if (state != RxState::CURRENT)
        RxMachine::enter(port, state, at(0s)); // CURRENT is entered with a PDU alone
    return port;
}

} // namespace

TEST_CASE("BEGIN enters INITIALIZE: unselected, default partner, not expired") {
    Port port = make_current();
    port.actor.state.set(StateBit::expired);
    port.port_moved = true;
    begin(port, at(0s));
    CHECK(port.rx == RxState::INITIALIZE);
    CHECK(port.selected == Selected::UNSELECTED);
    CHECK(port.partner == kPartnerAdmin);
    CHECK(port.actor.state.has(StateBit::defaulted));
    CHECK_FALSE(port.actor.state.has(StateBit::expired));
    CHECK_FALSE(port.port_moved);
    CHECK(rx_next(port) == RxState::PORT_DISABLED);
}

TEST_CASE("INITIALIZE goes on to PORT_DISABLED whatever else there is") {
    for (int bits = 0; bits < 8; ++bits) {
        Port port = in_state(RxState::INITIALIZE);
        CHECK(port.current_while == kNever);
        port.port_enabled = (bits & 1) != 0;
        port.lacp_enabled = (bits & 2) != 0;
        if ((bits & 4) != 0) port.pdu = make_pdu(port);
        CHECK(rx_next(port, 1000s) == RxState::PORT_DISABLED);
    }
}

TEST_CASE("a PDU is taken in EXPIRED, DEFAULTED and CURRENT and nowhere else, and comes before a timeout") {
    for (const RxState state : {RxState::EXPIRED, RxState::DEFAULTED, RxState::CURRENT}) {
        Port port = in_state(state);
        port.pdu = make_pdu(port);
        CHECK(rx_next(port) == RxState::CURRENT);
        CHECK(rx_next(port, 1000s) == RxState::CURRENT);
    }
    Port port = in_state(RxState::PORT_DISABLED);
    port.pdu = make_pdu(port);
    CHECK(rx_next(port) == RxState::EXPIRED);
}

TEST_CASE("PORT_DISABLED takes the partner's sync away and keeps the rest") {
    Port port = make_current();
    const LacpInfo partner = port.partner;
    RxMachine::enter(port, RxState::PORT_DISABLED, at(1s));
    CHECK_FALSE(port.partner.state.has(StateBit::synchronization));
    CHECK(port.partner.system == partner.system);
    CHECK(port.current_while == kNever);
}

TEST_CASE("a lost link leads to PORT_DISABLED from every other state, before anything else") {
    for (const RxState state :
         {RxState::EXPIRED, RxState::DEFAULTED, RxState::CURRENT, RxState::LACP_DISABLED}) {
        Port port = in_state(state);
        port.lacp_enabled = state != RxState::LACP_DISABLED;
        port.port_enabled = false;
        port.pdu = make_pdu(port);
        CHECK(rx_next(port, 1000s) == RxState::PORT_DISABLED);
    }
    Port port = in_state(RxState::PORT_DISABLED);
    port.port_enabled = false;
    port.pdu = make_pdu(port);
    CHECK(rx_next(port) == std::nullopt);
}

TEST_CASE("PORT_DISABLED is left to INITIALIZE, EXPIRED or LACP_DISABLED") {
    Port port = in_state(RxState::PORT_DISABLED);
    CHECK(rx_next(port) == RxState::EXPIRED);
    port.lacp_enabled = false;
    CHECK(rx_next(port) == RxState::LACP_DISABLED);
    port.port_moved = true;
    CHECK(rx_next(port) == RxState::INITIALIZE);
    port.port_enabled = false;
    CHECK(rx_next(port) == RxState::INITIALIZE);
}

TEST_CASE("EXPIRED assumes a short timeout for 3 s whatever our own is") {
    for (const bool fast : {false, true}) {
        Port port = make_current();
        port.actor.state.set(StateBit::timeout, fast);
        RxMachine::enter(port, RxState::EXPIRED, at(5s));
        CHECK_FALSE(port.partner.state.has(StateBit::synchronization));
        CHECK(port.partner.state.has(StateBit::timeout));
        CHECK(port.actor.state.has(StateBit::expired));
        CHECK(port.current_while == at(8s));
        CHECK(rx_next(port, 8s - 1ns) == std::nullopt);
        CHECK(rx_next(port, 8s) == RxState::DEFAULTED);
        port.pdu = make_pdu(port);
        CHECK(rx_next(port, 8s) == RxState::CURRENT);
    }
}

TEST_CASE("LACP_DISABLED defaults the partner as individual and waits for nothing") {
    Port port = make_current();
    port.lacp_enabled = false;
    RxMachine::enter(port, RxState::LACP_DISABLED, at(0s));
    CHECK(port.selected == Selected::UNSELECTED);
    CHECK(port.partner.system.is_zero());
    CHECK_FALSE(port.partner.state.has(StateBit::aggregation));
    CHECK(port.actor.state.has(StateBit::defaulted));
    CHECK_FALSE(port.actor.state.has(StateBit::expired));
    port.pdu = make_pdu(port);
    CHECK(rx_next(port, 1000s) == std::nullopt);
}

TEST_CASE("DEFAULTED forgets the partner and unselects only when there was another") {
    Port port = in_state(RxState::EXPIRED);
    RxMachine::enter(port, RxState::DEFAULTED, at(3s));
    CHECK(port.selected == Selected::UNSELECTED);
    CHECK(port.partner == kPartnerAdmin);
    CHECK(port.actor.state.has(StateBit::defaulted));
    CHECK_FALSE(port.actor.state.has(StateBit::expired));
    CHECK(rx_next(port, 1000s) == std::nullopt);

    port.selected = Selected::SELECTED;
    RxMachine::enter(port, RxState::DEFAULTED, at(3s));
    CHECK(port.selected == Selected::SELECTED);
    port.pdu = make_pdu(port);
    CHECK(rx_next(port) == RxState::CURRENT);
}

TEST_CASE("CURRENT runs out after our own timeout: 3 s short, 90 s long") {
    for (const bool fast : {false, true}) {
        Port port = make_port();
        port.actor.state.set(StateBit::timeout, fast);
        port.pdu = make_pdu(port);
        RxMachine::enter(port, RxState::CURRENT, at(0s));
        const Duration timeout = fast ? 3s : 90s;
        CHECK(rx_next(port, timeout - 1ns) == std::nullopt);
        CHECK(rx_next(port, timeout) == RxState::EXPIRED);
        CHECK_FALSE(port.pdu.has_value());
        CHECK_FALSE(port.actor.state.has(StateBit::expired));
        CHECK_FALSE(port.actor.state.has(StateBit::defaulted));
        port.pdu = make_pdu(port);
        CHECK(rx_next(port, 1s) == RxState::CURRENT); // every PDU enters the box again
    }
}

TEST_CASE("a link that changes duplex without going down passes through PORT_DISABLED") {
    Port port = in_state(RxState::CURRENT);
    port.lacp_enabled = false;
    CHECK(rx_next(port) == RxState::PORT_DISABLED);
    RxMachine::enter(port, RxState::LACP_DISABLED, at(0s));
    port.lacp_enabled = true;
    CHECK(rx_next(port) == RxState::PORT_DISABLED);
}

TEST_CASE("update_Selected: each field of the partner's identity unselects, its state does not") {
    const auto unselects = [](auto change) {
        Port port = make_current();
        Lacpdu pdu = make_pdu(port);
        change(pdu.actor);
        port.pdu = pdu;
        RxMachine::enter(port, RxState::CURRENT, at(1s));
        return port.selected == Selected::UNSELECTED;
    };
    CHECK(unselects([](LacpInfo& a) { ++a.port.value; }));
    CHECK(unselects([](LacpInfo& a) { ++a.port_priority.value; }));
    CHECK(unselects([](LacpInfo& a) { ++a.system.bytes[5]; }));
    CHECK(unselects([](LacpInfo& a) { ++a.system_priority.value; }));
    CHECK(unselects([](LacpInfo& a) { ++a.key.value; }));
    CHECK(unselects([](LacpInfo& a) { a.state.clear(StateBit::aggregation); }));
    CHECK_FALSE(unselects([](LacpInfo&) {}));
    CHECK_FALSE(unselects([](LacpInfo& a) { a.state.value ^= 0xfb; }));
}

TEST_CASE(
    "update_NTT: an outdated view of us in identity or in A, T, S, G asks for a PDU, other bits do not") {
    const auto ntt = [](auto change) {
        Port port = make_current();
        Lacpdu pdu = make_pdu(port);
        change(pdu.partner);
        port.pdu = pdu;
        RxMachine::enter(port, RxState::CURRENT, at(1s));
        return port.ntt;
    };
    CHECK(ntt([](LacpInfo& p) { ++p.port.value; }));
    CHECK(ntt([](LacpInfo& p) { ++p.port_priority.value; }));
    CHECK(ntt([](LacpInfo& p) { ++p.system.bytes[0]; }));
    CHECK(ntt([](LacpInfo& p) { ++p.system_priority.value; }));
    CHECK(ntt([](LacpInfo& p) { ++p.key.value; }));
    for (const std::uint8_t bit : {0x01, 0x02, 0x04, 0x08})
        CHECK(ntt([bit](LacpInfo& p) { p.state.value ^= bit; }));
    for (const std::uint8_t bit : {0x10, 0x20, 0x40, 0x80})
        CHECK_FALSE(ntt([bit](LacpInfo& p) { p.state.value ^= bit; }));
    CHECK_FALSE(ntt([](LacpInfo&) {}));
}

TEST_CASE("recordPDU: the partner is in sync only when it says so, means us, and one side is active") {
    const auto in_sync = [](bool we_are_active, auto change) {
        Port port = make_port();
        port.actor.state.set(StateBit::activity, we_are_active);
        Lacpdu pdu = make_pdu(port);
        change(pdu);
        port.pdu = pdu;
        RxMachine::enter(port, RxState::CURRENT, at(1s));
        CHECK(port.partner.system == pdu.actor.system);
        CHECK(port.partner.port == pdu.actor.port);
        CHECK_FALSE(port.actor.state.has(StateBit::defaulted));
        return port.partner.state.has(StateBit::synchronization);
    };
    CHECK(in_sync(true, [](Lacpdu&) {}));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) { p.actor.state.clear(StateBit::synchronization); }));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) { ++p.partner.port.value; }));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) { ++p.partner.port_priority.value; }));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) { ++p.partner.system.bytes[3]; }));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) { ++p.partner.system_priority.value; }));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) { ++p.partner.key.value; }));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) { p.partner.state.clear(StateBit::aggregation); }));
    // An individual partner need not know us.
    CHECK(in_sync(true, [](Lacpdu& p) {
        p.actor.state.clear(StateBit::aggregation);
        p.partner = kPartnerAdmin;
    }));
    // Kept alive by the partner, or by us and the partner knows it.
    CHECK(in_sync(false, [](Lacpdu&) {}));
    CHECK(in_sync(true, [](Lacpdu& p) { p.actor.state.clear(StateBit::activity); }));
    CHECK_FALSE(in_sync(false, [](Lacpdu& p) { p.actor.state.clear(StateBit::activity); }));
    CHECK_FALSE(in_sync(true, [](Lacpdu& p) {
        p.actor.state.clear(StateBit::activity);
        p.partner.state.clear(StateBit::activity);
    }));
}

TEST_CASE("a partner hears us when it names our system and port, whatever else it has wrong yet, or is "
          "individual") {
    const auto hears = [](auto change) {
        Port port = make_port();
        Lacpdu pdu = make_pdu(port);
        change(pdu);
        port.pdu = pdu;
        RxMachine::enter(port, RxState::CURRENT, at(1s));
        const bool result = port.partner_hears_us;
        RxMachine::enter(port, RxState::DEFAULTED, at(9s));
        CHECK_FALSE(port.partner_hears_us);
        return result;
    };
    CHECK(hears([](Lacpdu&) {}));
    CHECK(hears([](Lacpdu& p) { ++p.partner.port_priority.value; }));
    CHECK(hears([](Lacpdu& p) { ++p.partner.key.value; }));
    CHECK_FALSE(hears([](Lacpdu& p) { ++p.partner.port.value; }));
    CHECK_FALSE(hears([](Lacpdu& p) { ++p.partner.system.bytes[0]; }));
    CHECK(hears([](Lacpdu& p) {
        p.partner = kPartnerAdmin;
        p.actor.state.clear(StateBit::aggregation);
    }));
}

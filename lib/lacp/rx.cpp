// SPDX-License-Identifier: BSD-3-Clause
// Receive machine, 802.1AX-2014 6.4.12.
#include "lacp/machines.hpp"

namespace dpdkbond::lacp {

namespace {

bool same_port(const LacpInfo& a, const LacpInfo& b) {
    return a.port == b.port && a.port_priority == b.port_priority && a.system == b.system &&
           a.system_priority == b.system_priority && a.key == b.key &&
           a.state.has(StateBit::aggregation) == b.state.has(StateBit::aggregation);
}

// update_Selected: a partner other than the one that the selection was made for.
void update_selected(Port& port) {
    if (!same_port(port.pdu->actor, port.partner)) port.selected = Selected::UNSELECTED;
}

void update_default_selected(Port& port) {
    if (!same_port(kPartnerAdmin, port.partner)) port.selected = Selected::UNSELECTED;
}

// update_NTT: what the partner believes of us is out of date.
void update_ntt(Port& port) {
    constexpr std::uint8_t compared = static_cast<std::uint8_t>(StateBit::activity) |
                                      static_cast<std::uint8_t>(StateBit::timeout) |
                                      static_cast<std::uint8_t>(StateBit::synchronization) |
                                      static_cast<std::uint8_t>(StateBit::aggregation);
    const LacpInfo& seen = port.pdu->partner;
    if (!same_port(seen, port.actor) || ((seen.state.value ^ port.actor.state.value) & compared) != 0)
        port.ntt = true;
}

// recordPDU: the partner is taken as in sync only when it means this very link and someone keeps it alive.
void record_pdu(Port& port) {
    const Lacpdu& pdu = *port.pdu;
    const bool matched = same_port(pdu.partner, port.actor) || !pdu.actor.state.has(StateBit::aggregation);
    const bool maintained =
        pdu.actor.state.has(StateBit::activity) ||
        (port.actor.state.has(StateBit::activity) && pdu.partner.state.has(StateBit::activity));
    port.partner = pdu.actor;
    if (!matched || !maintained) port.partner.state.clear(StateBit::synchronization);
    port.partner_hears_us = !pdu.actor.state.has(StateBit::aggregation) ||
                            (pdu.partner.system == port.actor.system && pdu.partner.port == port.actor.port);
    port.actor.state.clear(StateBit::defaulted);
}

void record_default(Port& port) {
    port.partner = kPartnerAdmin;
    port.partner_hears_us = false;
    port.actor.state.set(StateBit::defaulted);
}

} // namespace

std::optional<RxState> RxMachine::next(const Port& port, Time now) {
    switch (port.rx) {
    case RxState::INITIALIZE: return RxState::PORT_DISABLED;
    case RxState::PORT_DISABLED:
        if (port.port_moved) return RxState::INITIALIZE;
        if (!port.port_enabled) return std::nullopt;
        return port.lacp_enabled ? RxState::EXPIRED : RxState::LACP_DISABLED;
    default: break;
    }
    if (!port.port_enabled) return RxState::PORT_DISABLED;
    // Ours: a link that changes its duplex without going down passes through PORT_DISABLED all the same.
    if (port.lacp_enabled == (port.rx == RxState::LACP_DISABLED)) return RxState::PORT_DISABLED;
    if (port.rx == RxState::LACP_DISABLED) return std::nullopt;
    if (port.pdu) return RxState::CURRENT;
    if (port.current_while > now) return std::nullopt;
    if (port.rx == RxState::CURRENT) return RxState::EXPIRED;
    if (port.rx == RxState::EXPIRED) return RxState::DEFAULTED;
    return std::nullopt;
}

void RxMachine::enter(Port& port, RxState state, Time now) {
    port.rx = state;
    switch (state) {
    case RxState::INITIALIZE:
        port.selected = Selected::UNSELECTED;
        record_default(port);
        port.actor.state.clear(StateBit::expired);
        port.port_moved = false;
        port.current_while = kNever;
        break;
    case RxState::PORT_DISABLED:
        port.partner.state.clear(StateBit::synchronization);
        port.current_while = kNever;
        break;
    case RxState::EXPIRED:
        port.partner.state.clear(StateBit::synchronization);
        port.partner.state.set(StateBit::timeout);
        port.current_while = now + kShortTimeoutTime;
        port.actor.state.set(StateBit::expired);
        break;
    case RxState::LACP_DISABLED:
        port.selected = Selected::UNSELECTED;
        record_default(port);
        port.partner.state.clear(StateBit::aggregation);
        port.actor.state.clear(StateBit::expired);
        break;
    case RxState::DEFAULTED:
        update_default_selected(port);
        record_default(port);
        port.actor.state.clear(StateBit::expired);
        port.current_while = kNever;
        break;
    case RxState::CURRENT:
        update_selected(port);
        update_ntt(port);
        record_pdu(port);
        port.current_while =
            now + (port.actor.state.has(StateBit::timeout) ? kShortTimeoutTime : kLongTimeoutTime);
        port.actor.state.clear(StateBit::expired);
        port.pdu.reset();
        break;
    }
}

} // namespace dpdkbond::lacp

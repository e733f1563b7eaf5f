// SPDX-License-Identifier: BSD-3-Clause
// Transmit machine, 802.1AX-2014 6.4.16: when an LACPDU leaves, and what it says.
#include <algorithm>

#include "lacp/machines.hpp"

namespace dpdkbond::lacp {

namespace {

bool speaks(const Port& port) {
    return port.port_enabled && port.lacp_enabled && port.periodic != PeriodicState::NO_PERIODIC;
}

} // namespace

bool must_transmit(const Port& port, Time now) {
    return port.ntt && speaks(port) && port.pdu_window.allows(now);
}

void drop_needless_ntt(Port& port) {
    if (!speaks(port)) port.ntt = false;
}

Time transmit_deadline(const Port& port) { return port.ntt ? port.pdu_window.free_at() : kNever; }

Lacpdu compose(const Port& port) {
    Lacpdu pdu;
    pdu.actor = port.actor;
    pdu.partner = port.partner;
    return pdu;
}

Lacpdu compose_last(const Port& port) {
    Lacpdu pdu = compose(port);
    for (const StateBit bit :
         {StateBit::aggregation, StateBit::synchronization, StateBit::collecting, StateBit::distributing})
        pdu.actor.state.clear(bit);
    return pdu;
}

Time port_deadline(const Port& port) {
    return std::min({port.current_while, port.periodic_timer, port.wait_while, port.actor_churn.timer,
                     port.partner_churn.timer, transmit_deadline(port)});
}

void begin(Port& port, Time now) {
    RxMachine::enter(port, RxState::INITIALIZE, now);
    PeriodicMachine::enter(port, PeriodicState::NO_PERIODIC, now);
    MuxMachine::enter(port, MuxState::DETACHED, now);
    ActorChurnMachine::enter(port, ChurnState::MONITOR, now);
    PartnerChurnMachine::enter(port, ChurnState::MONITOR, now);
}

} // namespace dpdkbond::lacp

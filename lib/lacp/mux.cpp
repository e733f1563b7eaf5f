// SPDX-License-Identifier: BSD-3-Clause
// Mux machine, 802.1AX-2014 6.4.15: coupled control, and independent control (a port collects before it
// distributes). Whether data may pass follows from the Collecting and Distributing bits, see
// System::update_forwarding().
#include "lacp/machines.hpp"

namespace dpdkbond::lacp {

namespace {

void set_collecting_distributing(Port& port, bool collecting, bool distributing) {
    port.actor.state.set(StateBit::collecting, collecting);
    port.actor.state.set(StateBit::distributing, distributing);
    port.ntt = true;
}

} // namespace

std::optional<MuxState> MuxMachine::next(const Port& port, Time) {
    const bool selected = port.selected == Selected::SELECTED;
    const bool in_sync = selected && port.partner.state.has(StateBit::synchronization);
    const bool partner_collects = in_sync && port.partner.state.has(StateBit::collecting);
    switch (port.mux) {
    case MuxState::DETACHED:
        if (port.selected != Selected::UNSELECTED) return MuxState::WAITING;
        break;
    case MuxState::WAITING:
        if (port.selected == Selected::UNSELECTED) return MuxState::DETACHED;
        if (selected && port.ready) return MuxState::ATTACHED;
        break;
    case MuxState::ATTACHED:
        if (!selected) return MuxState::DETACHED;
        if (in_sync) return port.coupled_control ? MuxState::COLLECTING_DISTRIBUTING : MuxState::COLLECTING;
        break;
    case MuxState::COLLECTING_DISTRIBUTING:
        if (!in_sync) return MuxState::ATTACHED;
        break;
    case MuxState::COLLECTING:
        if (!in_sync) return MuxState::ATTACHED;
        if (partner_collects) return MuxState::DISTRIBUTING;
        break;
    case MuxState::DISTRIBUTING:
        if (!partner_collects) return MuxState::COLLECTING;
        break;
    }
    return std::nullopt;
}

void MuxMachine::enter(Port& port, MuxState state, Time now) {
    port.mux = state;
    port.wait_while = kNever;
    port.ready_n = false;
    port.ready = false;
    switch (state) {
    case MuxState::DETACHED:
        port.actor.state.clear(StateBit::synchronization);
        set_collecting_distributing(port, false, false);
        break;
    case MuxState::WAITING: port.wait_while = now + kAggregateWaitTime; break;
    case MuxState::ATTACHED:
        port.actor.state.set(StateBit::synchronization);
        set_collecting_distributing(port, false, false);
        break;
    case MuxState::COLLECTING_DISTRIBUTING:
    case MuxState::DISTRIBUTING: set_collecting_distributing(port, true, true); break;
    case MuxState::COLLECTING: set_collecting_distributing(port, true, false); break;
    }
}

void set_coupled_control(Port& port, bool coupled) {
    if (port.coupled_control == coupled) return;
    port.coupled_control = coupled;
    if (coupled && (port.mux == MuxState::DISTRIBUTING || port.mux == MuxState::COLLECTING)) {
        port.mux = MuxState::COLLECTING_DISTRIBUTING;
        set_collecting_distributing(port, true, true);
    } else if (!coupled && port.mux == MuxState::COLLECTING_DISTRIBUTING) {
        port.mux = MuxState::DISTRIBUTING; // falls to COLLECTING when the partner does not collect
    }
}

} // namespace dpdkbond::lacp

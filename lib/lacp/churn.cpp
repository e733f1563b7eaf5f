// SPDX-License-Identifier: BSD-3-Clause
// Actor and Partner Churn Detection machines, 802.1AX-2014 6.4.17: one diagram, drawn twice.
#include "lacp/machines.hpp"

namespace dpdkbond::lacp {

namespace {

std::optional<ChurnState> next_churn(const Churn& churn, bool port_enabled, bool in_sync, Time now) {
    const bool idle = churn.state == ChurnState::MONITOR && churn.timer == kNever;
    if (!port_enabled) return idle ? std::nullopt : std::optional(ChurnState::MONITOR);
    switch (churn.state) {
    case ChurnState::MONITOR:
        if (in_sync) return ChurnState::NO_CHURN;
        if (idle) return ChurnState::MONITOR; // the link came up: the timer starts now
        if (churn.timer <= now) return ChurnState::CHURN;
        break;
    case ChurnState::NO_CHURN:
        if (!in_sync) return ChurnState::MONITOR;
        break;
    case ChurnState::CHURN:
        if (in_sync) return ChurnState::NO_CHURN;
        break;
    }
    return std::nullopt;
}

void enter_churn(Churn& churn, ChurnState state, bool port_enabled, Time now) {
    churn.state = state;
    // While the port is down the standard enters MONITOR over and over; the timer starts when that ends.
    churn.timer = state == ChurnState::MONITOR && port_enabled ? now + kChurnDetectionTime : kNever;
    if (state == ChurnState::CHURN) ++churn.count;
}

} // namespace

std::optional<ChurnState> ActorChurnMachine::next(const Port& port, Time now) {
    return next_churn(port.actor_churn, port.port_enabled, port.actor.state.has(StateBit::synchronization),
                      now);
}
void ActorChurnMachine::enter(Port& port, ChurnState state, Time now) {
    enter_churn(port.actor_churn, state, port.port_enabled, now);
}

std::optional<ChurnState> PartnerChurnMachine::next(const Port& port, Time now) {
    return next_churn(port.partner_churn, port.port_enabled,
                      port.partner.state.has(StateBit::synchronization), now);
}
void PartnerChurnMachine::enter(Port& port, ChurnState state, Time now) {
    enter_churn(port.partner_churn, state, port.port_enabled, now);
}

} // namespace dpdkbond::lacp

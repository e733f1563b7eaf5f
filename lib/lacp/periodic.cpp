// SPDX-License-Identifier: BSD-3-Clause
// Periodic Transmission machine, 802.1AX-2014 6.4.13.
#include "lacp/machines.hpp"

namespace dpdkbond::lacp {

namespace {

bool partner_wants_fast(const Port& port) { return port.partner.state.has(StateBit::timeout); }

// Two ends that are both passive say nothing.
bool silent(const Port& port) {
    return !port.port_enabled || !port.lacp_enabled ||
           (!port.actor.state.has(StateBit::activity) && !port.partner.state.has(StateBit::activity));
}

// From one deadline to the next, so that a late call does not shift those that follow. One that is a whole
// period late starts anew.
Time next_period(Time base, Duration period, Time now) {
    const Time next = base + period;
    return next > now ? next : now + period;
}

} // namespace

std::optional<PeriodicState> PeriodicMachine::next(const Port& port, Time now) {
    if (silent(port)) {
        if (port.periodic == PeriodicState::NO_PERIODIC) return std::nullopt;
        return PeriodicState::NO_PERIODIC;
    }
    switch (port.periodic) {
    case PeriodicState::NO_PERIODIC: return PeriodicState::FAST_PERIODIC;
    case PeriodicState::FAST_PERIODIC:
        if (port.periodic_timer <= now) return PeriodicState::PERIODIC_TX;
        if (!partner_wants_fast(port)) return PeriodicState::SLOW_PERIODIC;
        return std::nullopt;
    case PeriodicState::SLOW_PERIODIC:
        if (port.periodic_timer <= now || partner_wants_fast(port)) return PeriodicState::PERIODIC_TX;
        return std::nullopt;
    case PeriodicState::PERIODIC_TX:
        return partner_wants_fast(port) ? PeriodicState::FAST_PERIODIC : PeriodicState::SLOW_PERIODIC;
    }
    return std::nullopt;
}

void PeriodicMachine::enter(Port& port, PeriodicState state, Time now) {
    const bool on_time =
        port.periodic == PeriodicState::PERIODIC_TX; // the timer still holds its last deadline
    const Time base = on_time ? port.periodic_timer : now;
    // Ours: a port that begins to speak does so at once and not a second later.
    if (port.periodic == PeriodicState::NO_PERIODIC && state == PeriodicState::FAST_PERIODIC) port.ntt = true;
    port.periodic = state;
    switch (state) {
    case PeriodicState::NO_PERIODIC: port.periodic_timer = kNever; break;
    case PeriodicState::FAST_PERIODIC: port.periodic_timer = next_period(base, kFastPeriodicTime, now); break;
    case PeriodicState::SLOW_PERIODIC: port.periodic_timer = next_period(base, kSlowPeriodicTime, now); break;
    case PeriodicState::PERIODIC_TX:
        port.ntt = true;
        if (port.periodic_timer > now) port.periodic_timer = now; // SLOW_PERIODIC cut short
        break;
    }
}

} // namespace dpdkbond::lacp

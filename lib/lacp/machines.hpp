// SPDX-License-Identifier: BSD-3-Clause
// The state machines of one port. next() is the diagram's arrows, in the standard's order of evaluation;
// enter() is the diagram's box. Neither looks at another port. run() takes one arrow.
#pragma once

#include <optional>

#include "lacp/port.hpp"

namespace dpdkbond::lacp {

struct RxMachine { // rx.cpp, 6.4.12
    using State = RxState;
    static State& state(Port& port) { return port.rx; }
    static std::optional<State> next(const Port& port, Time now);
    static void enter(Port& port, State state, Time now);
};

struct PeriodicMachine { // periodic.cpp, 6.4.13
    using State = PeriodicState;
    static State& state(Port& port) { return port.periodic; }
    static std::optional<State> next(const Port& port, Time now);
    static void enter(Port& port, State state, Time now);
};

struct MuxMachine { // mux.cpp, 6.4.15
    using State = MuxState;
    static State& state(Port& port) { return port.mux; }
    static std::optional<State> next(const Port& port, Time now);
    static void enter(Port& port, State state, Time now);
};

struct ActorChurnMachine { // churn.cpp, 6.4.17
    using State = ChurnState;
    static State& state(Port& port) { return port.actor_churn.state; }
    static std::optional<State> next(const Port& port, Time now);
    static void enter(Port& port, State state, Time now);
};

struct PartnerChurnMachine { // churn.cpp, 6.4.17
    using State = ChurnState;
    static State& state(Port& port) { return port.partner_churn.state; }
    static std::optional<State> next(const Port& port, Time now);
    static void enter(Port& port, State state, Time now);
};

// The transition that is due, if any. Returns whether there was one.
template <class Machine> bool run(Port& port, Time now) {
    const auto next = Machine::next(port, now);
    if (next) Machine::enter(port, *next, now);
    return next.has_value();
}

// BEGIN: every machine into its first state.
void begin(Port& port, Time now);

// Changing between coupled and independent control keeps what a port carries.
void set_coupled_control(Port& port, bool coupled);

// Transmit machine (tx.cpp, 6.4.16).
// Whether an LACPDU is to leave now. False when the port does not speak at all: see drop_needless_ntt().
bool must_transmit(const Port& port, Time now);
// A port that is down, has LACP off or stands in NO_PERIODIC forgets NTT.
void drop_needless_ntt(Port& port);
// When NTT that the limit holds back may leave; kNever when none is.
Time transmit_deadline(const Port& port);
Lacpdu compose(const Port& port);
// The last LACPDU of a port that leaves: aggregation, synchronization, collecting, distributing cleared.
Lacpdu compose_last(const Port& port);

// The earliest of a port's timers.
Time port_deadline(const Port& port);

} // namespace dpdkbond::lacp

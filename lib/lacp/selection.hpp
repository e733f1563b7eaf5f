// SPDX-License-Identifier: BSD-3-Clause
// Selection logic (802.1AX-2014 6.4.14) and, on top of it, Linux bonding's one active aggregator. owner:
// control lcore.
#pragma once

#include <array>
#include <span>

#include "lacp/port.hpp"

namespace dpdkbond::lacp {

struct Aggregator {
    LagId lag{};             // of its ports; means nothing while there are none
    bool individual = false; // takes no second port
    MemberSet ports;         // those that selected it
};

class Selection {
public:
    // An UNSELECTED port leaves its aggregator; once its mux is DETACHED, and no sooner, it selects one: the
    // one of its LAG, else one without ports. Returns whether anything changed.
    bool select(Port& port);
    void leave(Port& port);

    // Picks the active aggregator and makes its ports SELECTED, all others STANDBY. Returns whether anything
    // changed.
    bool choose(std::span<Port> ports, Select policy);

    // Ready (6.4.8): sets ready of the ports whose aggregator all waiting ports are ready to join.
    void update_ready(std::span<Port> ports, Time now) const;

    // ---- a warm restart: what was selected before is so again, without a step of any machine.
    void resume(const Port& port);
    void resume_active(AggregatorId id) { active_ = id; }

    [[nodiscard]] AggregatorId active() const { return active_; }
    [[nodiscard]] const Aggregator& at(AggregatorId id) const { return aggregators_[id.value - 1U]; }

private:
    struct Score;
    [[nodiscard]] AggregatorId find(const Port& port, const LagId& lag, bool individual) const;
    [[nodiscard]] AggregatorId best(std::span<const Score> scores, Select policy) const;

    std::array<Aggregator, kMaxPorts> aggregators_{};
    AggregatorId active_ = kNoAggregator;
};

LagId lag_of(const Port& port);
// Whether the port can share an aggregator: both ends say so and there is a partner (6.3.9 and 6.4.14.1).
bool is_individual(const Port& port);

} // namespace dpdkbond::lacp

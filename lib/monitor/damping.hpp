// SPDX-License-Identifier: BSD-3-Clause
// Holds out a member that is lost again and again (ours, no counterpart in Linux bonding): each loss adds a
// penalty that halves with time; above one threshold the member is held out until the penalty has sunk below
// another (as RFC 2439 damps routes). Sans-IO; owner: the control lcore.
#pragma once

#include "base/time.hpp"

namespace dpdkbond {

struct DampingRules {
    Duration half_life{0}; // zero: off
    double suppress = 0, reuse = 0;
    bool operator==(const DampingRules&) const = default;
};

double decayed(double penalty, Duration passed, Duration half_life);

class FlapDamping {
public:
    static constexpr double kPenalty = 1000; // of each loss
    static constexpr double kCeiling = 4;    // times `suppress`: so long a quiet link is held out at most

    void resume(double penalty, Time at, bool suppressed) { // as it was (a warm restart)
        penalty_ = penalty;
        at_ = at;
        suppressed_ = suppressed;
    }
    void handle_loss(const DampingRules& rules, Time now);
    // Lets time pass. True: held out now and was not, or the other way round.
    bool update(const DampingRules& rules, Time now);

    [[nodiscard]] double last_penalty() const { return penalty_; } // as of at()
    [[nodiscard]] Time at() const { return at_; }
    [[nodiscard]] bool suppressed() const { return suppressed_; }
    [[nodiscard]] double penalty(const DampingRules& rules, Time now) const;
    [[nodiscard]] Time deadline() const { return deadline_; } // when update() is due

private:
    double penalty_ = 0; // at `at_`
    Time at_{};
    bool suppressed_ = false;
    Time deadline_ = kNever;
};

} // namespace dpdkbond

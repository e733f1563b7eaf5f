// SPDX-License-Identifier: BSD-3-Clause
#include "monitor/damping.hpp"

#include <algorithm>
#include <cmath>

namespace dpdkbond {

double decayed(double penalty, Duration passed, Duration half_life) {
    if (half_life <= Duration{0}) return 0;
    return penalty * std::exp2(-static_cast<double>(passed.count()) / static_cast<double>(half_life.count()));
}

double FlapDamping::penalty(const DampingRules& rules, Time now) const {
    return decayed(penalty_, now - at_, rules.half_life);
}

void FlapDamping::handle_loss(const DampingRules& rules, Time now) {
    penalty_ = std::min(penalty(rules, now) + kPenalty, rules.suppress * kCeiling);
    at_ = now;
}

bool FlapDamping::update(const DampingRules& rules, Time now) {
    const bool before = suppressed_;
    penalty_ = penalty(rules, now);
    at_ = now;
    if (rules.half_life <= Duration{0}) {
        suppressed_ = false;
    } else if (suppressed_ ? penalty_ < rules.reuse : penalty_ >= rules.suppress) {
        suppressed_ = !suppressed_;
    }
    deadline_ = kNever;
    if (suppressed_) { // rounded up, so that the penalty is below `reuse` then
        const double halves = std::log2(penalty_ / rules.reuse);
        const auto wait = static_cast<std::int64_t>(halves * static_cast<double>(rules.half_life.count()));
        deadline_ = now + Duration{wait} + std::chrono::milliseconds(1);
    }
    return suppressed_ != before;
}

} // namespace dpdkbond

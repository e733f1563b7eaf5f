// SPDX-License-Identifier: BSD-3-Clause
// Puts together what a bond's lanes saw of a failover (datapath/gap_watch.hpp). The lanes note the times: how
// often control looks does not matter to the result. Owner: the control lcore.
#pragma once

#include <optional>
#include <span>

#include "bond/failover.hpp"
#include "datapath/lane.hpp"

namespace dpdkbond {

class GapMeter {
public:
    // The bond's last failover, once the workers were given it.
    void follow(const FailoverMove& move, Time now);
    // Looks at the lanes, when it is time to; a gap once it is known, for each failover at most once.
    std::optional<FailoverGap> look(std::span<const Lane* const> lanes, Time now);
    [[nodiscard]] Time next_look() const { return next_look_; } // kNever: nothing is awaited

private:
    FailoverMove move_;
    Time began_{}, next_look_ = kNever;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Marker generator (802.1AX-2014 6.5): a marker leaves on each port of a set; when its answers are in, every
// frame that was sent before it has been received, and flows may move to other ports without reordering.
// owner: control lcore.
#pragma once

#include <optional>

#include "base/fixed_vec.hpp"
#include "lacp/types.hpp"

namespace dpdkbond::lacp {

using MarkerRunId = StrongId<struct MarkerRunTag, std::uint32_t>; // the transaction of its frames; never 0

struct MarkerResult {
    BondId bond{};
    MarkerRunId run{};
    MemberSet asked; // as start() was told
    MemberSet answered;
    MemberSet gone;   // not up with a partner, or its link was lost since: nothing of it will still arrive
    MemberSet unsent; // our own limit of markers a second let none out: its silence says nothing
    [[nodiscard]] MemberSet timed_out() const { return asked - answered - gone; }
    [[nodiscard]] MemberSet ignored() const { return timed_out() - unsent; } // the partner left it unanswered
    [[nodiscard]] bool all_answered() const { return timed_out().empty(); }
};

class MarkerRuns {
public:
    static constexpr std::size_t kMaxRuns = 4; // of one bond at a time

    // `gone`: those of `asked` from which nothing can still arrive; they are not waited for. `unsent`: those
    // to which no marker may be sent now; the run waits for them until its deadline. nullopt: as many runs as
    // there may be are under way.
    std::optional<MarkerRunId> start(BondId bond, MemberSet asked, MemberSet gone, MemberSet unsent,
                                     Time deadline);
    void answered(MarkerRunId run, MemberId member);
    void lost(MemberId member);
    // The next run that is complete or out of time; it is forgotten.
    std::optional<MarkerResult> finish(Time now);
    [[nodiscard]] Time deadline() const;

private:
    struct Run {
        MarkerResult result{};
        Time deadline = kNever;
    };
    FixedVec<Run, kMaxRuns> runs_;
    std::uint32_t last_ = 0;
};

} // namespace dpdkbond::lacp

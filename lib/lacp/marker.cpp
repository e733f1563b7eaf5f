// SPDX-License-Identifier: BSD-3-Clause
#include "lacp/marker.hpp"

#include <algorithm>

namespace dpdkbond::lacp {

std::optional<MarkerRunId> MarkerRuns::start(BondId bond, MemberSet asked, MemberSet gone, MemberSet unsent,
                                             Time deadline) {
    if (runs_.full()) return std::nullopt;
    if (++last_ == 0) ++last_;
    Run run;
    run.result = {bond, {last_}, asked, {}, gone & asked, unsent & asked};
    run.deadline = deadline;
    runs_.push_back(run);
    return run.result.run;
}

void MarkerRuns::answered(MarkerRunId id, MemberId member) {
    for (Run& run : runs_)
        if (run.result.run == id)
            run.result.answered |= (run.result.asked - run.result.gone) & MemberSet{member};
}

void MarkerRuns::lost(MemberId member) {
    for (Run& run : runs_) run.result.gone |= (run.result.asked - run.result.answered) & MemberSet{member};
}

std::optional<MarkerResult> MarkerRuns::finish(Time now) {
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        if (!runs_[i].result.all_answered() && runs_[i].deadline > now) continue;
        const MarkerResult result = runs_[i].result;
        runs_.erase_at(i);
        return result;
    }
    return std::nullopt;
}

Time MarkerRuns::deadline() const {
    Time earliest = kNever;
    for (const Run& run : runs_) earliest = std::min(earliest, run.deadline);
    return earliest;
}

} // namespace dpdkbond::lacp

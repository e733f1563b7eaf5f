// SPDX-License-Identifier: BSD-3-Clause
// The data half while flows are on the move (Snapshot::hold): frames of the buckets that move wait in the
// lane, in order, all others leave as ever. When the move is over they leave first, by the new map. A lane
// with no more room does not wait on: its frames go to their new members and are counted; none is dropped for
// the sake of its order. Worker threads only.
#pragma once

#include <algorithm>

#include "datapath/tx_engine.hpp"

namespace dpdkbond {

// Before each burst from above, when the lane holds frames. True: they wait on, or are all gone, and the
// burst may be taken. False: a burst of them left in its place, as a queue that takes as much as it is given
// at a time may not take all of it at once.
[[gnu::cold]] bool release_held(Lane& lane, const Snapshot& s) noexcept;

template <ChoicePolicy P>
[[gnu::cold]] void tx_burst_holding(Lane& lane, const Snapshot& s, rte_mbuf** frames,
                                    std::uint16_t n) noexcept {
    HeldFrames& held = lane.held;
    if (held.spilled == s.hold) {
        send_by_choice<P>(lane, s, frames, n);
        return;
    }
    const unsigned before = held.count;
    rte_mbuf* others[kMaxBurst];
    std::uint16_t rest = 0;
    const P choice(lane.policy, s, frames, n);
    for (std::uint16_t i = 0; i < n; ++i) {
        const std::uint32_t bucket = choice.bucket(i);
        if ((s.held[bucket / 64] >> bucket % 64 & 1U) != 0)
            held.frames[held.count++] = frames[i];
        else
            others[rest++] = frames[i];
    }
    held.hold = s.hold;
    lane.counters.held.add(held.count - before);
    if (held.count > HeldFrames::kRoom) {
        held.spilled = s.hold;
        lane.counters.held_overflow.add(held.count);
    }
    if (rest != 0) send_by_choice<P>(lane, s, others, rest);
}

} // namespace dpdkbond

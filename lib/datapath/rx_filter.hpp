// SPDX-License-Identifier: BSD-3-Clause
// Keeps from the logical interface what is not addressed to it, where a member's hardware does not. The
// header's cache line is all that it touches, and for frames to the bond's MAC one comparison is all it does.
#pragma once

#include "datapath/lane.hpp"

namespace dpdkbond {

// The slow half of sort_out(): from frame `from` on, which is not to the bond's MAC.
[[gnu::cold]] std::uint16_t sort_out_rest(Lane& lane, const Snapshot& s, std::uint8_t member,
                                          rte_mbuf** frames, std::uint16_t from, std::uint16_t n) noexcept;

// Returns how many of a burst of this member are the logical interface's: in front and in order. The others
// are freed and counted. Worker threads only.
inline std::uint16_t sort_out(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                              std::uint16_t n) noexcept {
    if (!s.filter.members.has(MemberId{member})) return n;
    for (std::uint16_t i = 0; i < n; ++i)
        if (mac_key(rte_pktmbuf_mtod(frames[i], const std::uint8_t*)) != s.filter.own || s.filter.down)
            [[unlikely]]
            return sort_out_rest(lane, s, member, frames, i, n);
    return n;
}

} // namespace dpdkbond

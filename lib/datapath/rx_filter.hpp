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
    const auto other = [&](const rte_mbuf* m) {
        return mac_key(rte_pktmbuf_mtod(m, const std::uint8_t*)) ^ s.filter.own;
    };
    std::uint64_t others = s.filter.down ? 1 : 0;
#pragma GCC unroll 4
    for (std::uint16_t i = 0; i < n; ++i) others |= other(frames[i]);
    if (others == 0) [[likely]]
        return n;
    std::uint16_t first = 0;
    while (first < n && !s.filter.down && other(frames[first]) == 0) ++first;
    return sort_out_rest(lane, s, member, frames, first, n);
}

} // namespace dpdkbond

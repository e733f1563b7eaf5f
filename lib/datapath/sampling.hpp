// SPDX-License-Identifier: BSD-3-Clause
// Looks at what is sent while somebody asks for load; at other times the data half is alone.
#pragma once

#include "datapath/lane.hpp"

namespace dpdkbond {

// One burst of each four is looked at, for all of them; which one is chance, as traffic that comes in a
// rhythm would otherwise show the same of its flows again and again.
inline constexpr unsigned kCountedBursts = 4;
inline bool is_counted(Lane& lane) noexcept {
    const std::uint32_t nth = lane.bursts_seen++ % kCountedBursts;
    if (nth == 0) lane.counted_of_four = lane.policy.next_random() % kCountedBursts;
    return nth == lane.counted_of_four;
}

// A burst that is looked at: one frame of it is kept, whichever, as a sample of what it and three others
// carry.
inline void sample_flow(Lane& lane, rte_mbuf* const* frames, std::uint16_t n) noexcept {
    const rte_mbuf* const one = frames[std::uint64_t{lane.policy.next_random()} * n >> 32U];
    lane.samples.take(one, std::uint64_t{one->pkt_len} * n * kCountedBursts);
}

// What count_flows() gets of modes that count nothing by bucket. Worker threads only.
inline void sample_flows(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (is_counted(lane)) sample_flow(lane, frames, n);
    s.counted(lane, s, frames, n);
}

} // namespace dpdkbond

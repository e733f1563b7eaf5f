// SPDX-License-Identifier: BSD-3-Clause
// The burst engine, once for all modes: no member → drop and count; one → straight through; else the policy picks a
// member for each frame, the frames are staged by member, and each member gets one rte_eth_tx_burst().
// Policies pick and never own a frame, so none can leak one. Worker threads only.
#pragma once

#include <concepts>

#include "datapath/lane.hpp"

namespace dpdkbond {

// Sends by one member; what its queue does not take after a bounded retry is freed and counted. Owns all n frames.
void send_rest(Lane& lane, const SnapshotMember& m, std::uint8_t id, rte_mbuf** frames, std::uint16_t sent,
               std::uint16_t n) noexcept;
std::uint16_t send_shared(Lane& lane, const SnapshotMember& m, rte_mbuf** frames, std::uint16_t n) noexcept;

inline void send(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames, std::uint16_t n) noexcept {
    const SnapshotMember& m = s.member[id];
    const std::uint16_t sent = m.tx_queues >= lane.workers ? rte_eth_tx_burst(m.port, lane.worker, frames, n)
                                                           : send_shared(lane, m, frames, n);
    lane.counters.member[id].tx.add(sent);
    if (sent != n) [[unlikely]]
        send_rest(lane, m, id, frames, sent, n);
}

// Every frame by the active member.
template <class P>
concept SinglePolicy = requires { requires P::single; };

// Every frame by every member.
template <class P>
concept FanOutPolicy = requires { requires P::fan_out; };

// out[i]: the MemberId, one of s.tx[0 … tx_count), by which frames[i] leaves. tx_count is at least 2.
template <class P>
concept PickPolicy = requires(PolicyState& state, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n,
                              std::uint8_t* out) {
    { P::pick(state, s, frames, n, out) } noexcept -> std::same_as<void>;
};

inline void send_by_pick(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n,
                         const std::uint8_t* member) noexcept {
    for (unsigned k = 0; k < s.tx_count; ++k) lane.staged_count[s.tx[k]] = 0;
    for (std::uint16_t i = 0; i < n; ++i) lane.staged[member[i]][lane.staged_count[member[i]]++] = frames[i];
    for (unsigned k = 0; k < s.tx_count; ++k) {
        const std::uint8_t id = s.tx[k];
        if (lane.staged_count[id] != 0) send(lane, s, id, lane.staged[id].data(), lane.staged_count[id]);
    }
}

// One reference a member: nothing is copied, and the last member's queue frees the frame.
inline void send_to_all(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    const auto more = static_cast<std::int16_t>(s.tx_count - 1);
    for (std::uint16_t i = 0; i < n; ++i) rte_pktmbuf_refcnt_update(frames[i], more);
    for (unsigned k = 0; k < s.tx_count; ++k) send(lane, s, s.tx[k], frames, n);
}

template <class P>
    requires SinglePolicy<P> || FanOutPolicy<P> || PickPolicy<P>
void tx_burst(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (s.tx_count == 0) [[unlikely]] {
        drop(lane.counters.drops[static_cast<unsigned>(DropReason::no_member)], frames, n);
        return;
    }
    if constexpr (SinglePolicy<P>) {
        send(lane, s, s.active.value, frames, n);
    } else if (s.tx_count == 1) {
        send(lane, s, s.tx[0], frames, n);
    } else if constexpr (FanOutPolicy<P>) {
        send_to_all(lane, s, frames, n);
    } else {
        std::uint8_t member[kMaxBurst];
        P::pick(lane.policy, s, frames, n, member);
        send_by_pick(lane, s, frames, n, member);
    }
}

} // namespace dpdkbond

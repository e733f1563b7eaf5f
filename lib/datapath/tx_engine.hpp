// SPDX-License-Identifier: BSD-3-Clause
// The burst engine, once for all modes: no member → drop and count; one → straight through; else the policy
// picks a member for each frame, the frames are staged by member, and each member gets one
// rte_eth_tx_burst(), at once or together with what comes next (Stage). Policies pick and never own a frame,
// so none can leak one. Worker threads only.
#pragma once

#include <algorithm>
#include <concepts>
#include <utility>

#include "datapath/lane.hpp"

namespace dpdkbond {

// Sends by one member; what its queue does not take after a bounded retry is freed and counted. Owns all n
// frames.
[[gnu::cold]] void send_rest(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames,
                             std::uint16_t sent, std::uint16_t n) noexcept;
std::uint16_t send_shared(Lane& lane, const SnapshotMember& m, rte_mbuf** frames, std::uint16_t n) noexcept;

// One attempt; what the queue does not take stays the caller's and is not counted.
inline std::uint16_t send_once(Lane& lane, const SnapshotMember& m, rte_mbuf** frames,
                               std::uint16_t n) noexcept {
    return m.tx_queues >= lane.workers ? rte_eth_tx_burst(m.port, lane.worker, frames, n)
                                       : send_shared(lane, m, frames, n);
}

// Counts what a member's queue has taken.
inline void note_sent(Lane& lane, std::uint8_t id, std::uint16_t sent) noexcept {
    MemberLaneCounters& counters = lane.counters.member[id];
    counters.tx.add(sent);
    counters.tx_at.set(sent != 0 ? lane.clock : counters.tx_at.get());
}

// The same for frames with work left undone (offload.hpp) that the member does not take so, or takes after
// preparation: a super-frame counts as one frame, sent or dropped, also where it leaves as segments.
[[gnu::noinline]] void send_finished(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames,
                                     std::uint16_t n) noexcept;

inline void send(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames,
                 std::uint16_t n) noexcept {
    const SnapshotMember& m = s.member[id];
    if (lane.logical.offloads > m.offloads) {
        send_finished(lane, s, id, frames, n);
        return;
    }
    const std::uint16_t sent = send_once(lane, m, frames, n);
    note_sent(lane, id, sent);
    if (sent != n) [[unlikely]]
        send_rest(lane, s, id, frames, sent, n);
}

// Every frame by the active member.
template <class P>
concept SinglePolicy = requires {
    requires P::single;
};

// Every frame by every member.
template <class P>
concept FanOutPolicy = requires {
    requires P::fan_out;
};

// Made anew for a burst; asked for frame 0, 1 … n-1 in this order, gives the MemberId, one of s.tx[0 …
// tx_count), by which it leaves. tx_count is at least 2.
template <class P>
concept ChoicePolicy = requires(PolicyState& state, const Snapshot& s, rte_mbuf* const* frames,
                                std::uint16_t n, P choice) {
    P(state, s, frames, n);
    { choice(n) }
    noexcept->std::same_as<std::uint8_t>;
};

// Sends a burst in a way of its own; like the data half as a whole it owns the frames. tx_count is at
// least 2.
template <class P>
concept OwnWayPolicy = requires(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) {
    { P::send(lane, s, frames, n) }
    noexcept->std::same_as<void>;
};

// Sends what is staged, each member's frames at once.
void flush(Lane& lane) noexcept;

// Stages n frames and sends them unless they may wait: fill(counts) puts each behind those that its member
// has, at Stage::of, and counts it.
template <class Fill>
inline void stage(Lane& lane, const Snapshot& s, std::uint16_t n, Fill fill,
                  BeforeSending before_sending = nullptr) noexcept {
    Stage& stage = lane.stage;
    const auto with = [&](auto counts) {
        fill(counts);
        counts.done();
    };
    if ((s.senders - FewCounts::members).empty()) [[likely]]
        with(FewCounts(stage));
    else
        with(ManyCounts(stage));
    stage.total = static_cast<std::uint16_t>(stage.total + n);
    stage.under = &s;
    stage.before_sending = before_sending;
    if (!stage.more_to_come || stage.total >= std::min(s.tx_count * Stage::kShare, Stage::kFull)) flush(lane);
}

// Each of n frames leaves by the member that pick(i) names, asked in order.
template <class Pick>
inline void send_picked(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n, Pick& pick,
                        BeforeSending before_sending = nullptr) noexcept {
    stage(
        lane, s, n,
        [&](auto& counts) {
            rte_mbuf** const* const of = lane.stage.of.data();
#pragma GCC unroll 4
            for (std::uint16_t i = 0; i < n; ++i) {
                const std::uint8_t id = pick(i);
                of[id][counts.add(id, 1)] = frames[i];
            }
        },
        before_sending);
}

template <ChoicePolicy P>
inline void send_by_choice(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    P choice(lane.policy, s, frames, n);
    send_picked(lane, s, frames, n, choice);
}

// Completes checksums of frames that are to leave by every member, where one of them does not take all that
// the logical interface leaves undone: what one member's queue holds no other may change.
[[gnu::noinline]] void finish_for_all(const Snapshot& s, Offloads logical, rte_mbuf** frames,
                                      std::uint16_t n) noexcept;

// One reference a member: nothing is copied, and the last member's queue frees the frame.
inline void send_to_all(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (lane.logical.offloads != Offloads::none) finish_for_all(s, lane.logical.offloads, frames, n);
    const auto more = static_cast<std::int16_t>(s.tx_count - 1);
    for (std::uint16_t i = 0; i < n; ++i) rte_pktmbuf_refcnt_update(frames[i], more);
    // What one member refuses the others have: it cannot go back.
    UnsentFrames* const unsent = std::exchange(lane.unsent, nullptr);
    for (unsigned k = 0; k < s.tx_count; ++k) send(lane, s, s.tx[k], frames, n);
    lane.unsent = unsent;
}

template <class P>
requires SinglePolicy<P> || FanOutPolicy<P> || ChoicePolicy<P> || OwnWayPolicy<P>
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
    } else if constexpr (OwnWayPolicy<P>) {
        P::send(lane, s, frames, n);
    } else {
        send_by_choice<P>(lane, s, frames, n);
    }
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The burst engine, once for all modes: no member → drop and count; one → straight through; else the policy
// picks a member for each frame, the frames are staged by member, and each member gets one
// rte_eth_tx_burst(). Policies pick and never own a frame, so none can leak one. Worker threads only.
#pragma once

#include <concepts>

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

inline void send(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames,
                 std::uint16_t n) noexcept {
    const SnapshotMember& m = s.member[id];
    const std::uint16_t sent = send_once(lane, m, frames, n);
    lane.counters.member[id].tx.add(sent);
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

// How many frames of a burst each member has so far. While all ids are below 8 they are kept in a register:
// counts in memory would make each frame wait for the one before.
class FewCounts {
public:
    static constexpr std::uint32_t members = 0xff; // bit MemberId

    unsigned take(std::uint8_t id) noexcept { // the count, and one more
        const unsigned shift = id * 8U, count = counts_ >> shift & 0xffU;
        counts_ += std::uint64_t{1} << shift;
        return count;
    }
    // Calls send(id, count) for members that have any; no branch asks those that have none, as it would be
    // guessed wrong.
    template <class Send> void each(const Snapshot&, Send send) const noexcept {
        unsigned id = 0;
        for (std::uint64_t left = counts_; left != 0; left >>= 8U, ++id) {
            const auto skipped = static_cast<unsigned>(__builtin_ctzll(left)) / 8;
            left >>= skipped * 8;
            id += skipped;
            send(static_cast<std::uint8_t>(id), static_cast<std::uint16_t>(left & 0xffU));
        }
    }

private:
    static_assert(kMaxBurst <= 0xff);
    std::uint64_t counts_ = 0; // a byte each
};

class ManyCounts {
public:
    unsigned take(std::uint8_t id) noexcept { return counts_[id]++; }
    template <class Send> void each(const Snapshot& s, Send send) const noexcept {
        for (unsigned k = 0; k < s.tx_count; ++k)
            if (counts_[s.tx[k]] != 0) send(s.tx[k], counts_[s.tx[k]]);
    }

private:
    std::array<std::uint8_t, kMaxMembers> counts_{};
};

template <class Counts, class Choice>
inline void send_staged(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n,
                        Choice& choice) noexcept {
    Counts counts;
    rte_mbuf** const staged = lane.staged.data();
    for (std::uint16_t i = 0; i < n; ++i) {
        const std::uint8_t id = choice(i);
        staged[id * unsigned{kMaxBurst} + counts.take(id)] = frames[i];
    }
    counts.each(s,
                [&](std::uint8_t id, std::uint16_t count) { send(lane, s, id, lane.staged_for(id), count); });
}

template <ChoicePolicy P>
inline void send_by_choice(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    P choice(lane.policy, s, frames, n);
    if ((s.tx_mask & ~FewCounts::members) == 0) [[likely]]
        send_staged<FewCounts>(lane, s, frames, n, choice);
    else
        send_staged<ManyCounts>(lane, s, frames, n, choice);
}

// One reference a member: nothing is copied, and the last member's queue frees the frame.
inline void send_to_all(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    const auto more = static_cast<std::int16_t>(s.tx_count - 1);
    for (std::uint16_t i = 0; i < n; ++i) rte_pktmbuf_refcnt_update(frames[i], more);
    for (unsigned k = 0; k < s.tx_count; ++k) send(lane, s, s.tx[k], frames, n);
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

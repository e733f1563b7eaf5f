// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/tx_engine.hpp"

#include <rte_pause.h>

#include <algorithm>
#include <utility>

#include "capture/port_tap.hpp"
#include "datapath/offload.hpp"

namespace dpdkbond {

namespace {

QueueLock g_queue_locks[RTE_MAX_ETHPORTS][kMaxWorkers];

} // namespace

QueueLock& queue_lock(std::uint16_t port, std::uint16_t queue) {
    return g_queue_locks[port][queue % kMaxWorkers];
}

void drop(Counter& counter, rte_mbuf** frames, std::uint16_t n) noexcept {
    rte_pktmbuf_free_bulk(frames, n);
    counter.add(n);
}

namespace {

// Calls f with the lane's transmit queue of a member that has fewer queues than there are workers, below the
// queue's lock.
template <class F> std::uint16_t with_shared_queue(const Lane& lane, const SnapshotMember& m, F f) noexcept {
    const auto queue = static_cast<std::uint16_t>(lane.worker % m.tx_queues);
    QueueLock& lock = queue_lock(m.port, queue);
    rte_spinlock_lock(&lock.lock);
    const std::uint16_t done = f(queue);
    rte_spinlock_unlock(&lock.lock);
    return done;
}

} // namespace

std::uint16_t send_shared(Lane& lane, const SnapshotMember& m, rte_mbuf** frames, std::uint16_t n) noexcept {
    return with_shared_queue(lane, m,
                             [&](std::uint16_t queue) { return rte_eth_tx_burst(m.port, queue, frames, n); });
}

void flush(Lane& lane) noexcept {
    Stage& stage = lane.stage;
    if (stage.total == 0) return;
    const Snapshot& s = *stage.under;
    const BeforeSending before = stage.before_sending;
    const auto send_all = [&](std::uint8_t id, std::uint16_t n) {
        if (before != nullptr) before(s, id, stage.of[id], n);
        send(lane, s, id, stage.of[id], n);
    };
    // What a mode has written into a frame is meant for the member that refuses it: it cannot go back.
    struct Unsent {
        Lane& lane;
        UnsentFrames* const kept = lane.unsent;
        ~Unsent() { lane.unsent = kept; }
    } const unsent{lane};
    if (before != nullptr) lane.unsent = nullptr;
    stage.total = 0;
    stage.under = nullptr;
    if (!(s.senders - FewCounts::members).empty()) {
        for (unsigned k = 0; k < s.tx_count; ++k)
            if (const std::uint8_t n = std::exchange(stage.many[s.tx[k]], std::uint8_t{0}); n != 0)
                send_all(s.tx[k], n);
        return;
    }
    // No branch asks the members that have no frames, as it would be guessed wrong.
    std::uint64_t left = std::exchange(stage.few, 0);
    for (unsigned id = 0; left != 0; left >>= 8U, ++id) {
        const auto skipped = static_cast<unsigned>(__builtin_ctzll(left)) / 8;
        left >>= skipped * 8;
        id += skipped;
        send_all(static_cast<std::uint8_t>(id), static_cast<std::uint16_t>(left & 0xffU));
    }
}

void send_rest(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames, std::uint16_t sent,
               std::uint16_t n) noexcept {
    if (UnsentFrames* unsent = lane.unsent; unsent != nullptr && unsent->count + n - sent <= kMaxBurst) {
        std::copy(frames + sent, frames + n, &unsent->frames[unsent->count]);
        unsent->count = static_cast<std::uint16_t>(unsent->count + n - sent);
        return;
    }
    const SnapshotMember& m = s.member[id];
    const std::uint16_t first = sent;
    const OfferedAgain refused_before;
    for (int tries = 0; sent < n && tries < kTxRetries; ++tries) {
        rte_pause();
        sent = static_cast<std::uint16_t>(
            sent + send_once(lane, m, frames + sent, static_cast<std::uint16_t>(n - sent)));
    }
    note_sent(lane, id, static_cast<std::uint16_t>(sent - first));
    if (sent < n)
        drop(lane.counters.member[id].drops[static_cast<unsigned>(DropReason::member_full)], frames + sent,
             static_cast<std::uint16_t>(n - sent));
}

namespace {

void send_plain(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (n == 0) return;
    const std::uint16_t sent = send_once(lane, s.member[id], frames, n);
    note_sent(lane, id, sent);
    if (sent != n) [[unlikely]]
        send_rest(lane, s, id, frames, sent, n);
}

// What a queue has not taken after the last attempt is freed.
bool send_pieces(Lane& lane, const SnapshotMember& m, rte_mbuf** pieces, std::uint16_t n) noexcept {
    std::uint16_t sent = send_once(lane, m, pieces, n);
    if (sent == n) [[likely]]
        return true;
    const OfferedAgain refused_before;
    for (int tries = 0; sent < n && tries < kTxRetries; ++tries) {
        rte_pause();
        sent = static_cast<std::uint16_t>(
            sent + send_once(lane, m, pieces + sent, static_cast<std::uint16_t>(n - sent)));
    }
    rte_pktmbuf_free_bulk(pieces + sent, n - sent);
    return sent == n;
}

// Whether a NIC's hardware does what is undone of a frame; it is ready to be sent then.
bool left_to_nic(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf* frame) noexcept {
    const SnapshotMember& m = s.member[id];
    if (!prepare_for_nic(frame, m.offloads, s.nic[id])) return false;
    const auto prepare = [&](std::uint16_t queue) { return rte_eth_tx_prepare(m.port, queue, &frame, 1); };
    return (m.tx_queues >= lane.workers ? prepare(lane.worker) : with_shared_queue(lane, m, prepare)) == 1;
}

} // namespace

void finish_for_all(const Snapshot& s, Offloads offloads, rte_mbuf** frames, std::uint16_t n) noexcept {
    const auto takes_all = [&](std::uint8_t id) { return s.member[id].offloads >= offloads; };
    if (std::all_of(s.tx.begin(), s.tx.begin() + s.tx_count, takes_all)) return;
    for (std::uint16_t i = 0; i < n; ++i)
        if ((frames[i]->ol_flags & kUndone) != 0 && !is_super(frames[i])) complete_undone(frames[i]);
}

void send_finished(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames,
                   std::uint16_t n) noexcept {
    MemberLaneCounters& counters = lane.counters.member[id];
    std::uint16_t first = 0; // of the finished ones that wait
    for (std::uint16_t i = 0; i < n; ++i) {
        if (may_stay_undone(frames[i], s.member[id].offloads) || left_to_nic(lane, s, id, frames[i]))
            continue;
        if (!is_super(frames[i])) {
            complete_undone(frames[i]);
            continue;
        }
        send_plain(lane, s, id, frames + first, static_cast<std::uint16_t>(i - first));
        first = static_cast<std::uint16_t>(i + 1);
        const CutResult done = cut(frames[i], [&](rte_mbuf** pieces, std::uint16_t count) {
            return send_pieces(lane, s.member[id], pieces, count);
        });
        rte_pktmbuf_free(frames[i]);
        if (done == CutResult::all) {
            note_sent(lane, id, 1);
            counters.cut.add(1);
        } else {
            counters
                .drops[static_cast<unsigned>(done == CutResult::refused ? DropReason::member_full
                                                                        : DropReason::no_buffer)]
                .add(1);
        }
    }
    send_plain(lane, s, id, frames + first, static_cast<std::uint16_t>(n - first));
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/rx_engine.hpp"

#include <rte_pause.h>

#include <numeric>

#include "capture/port_tap.hpp"
#include "datapath/checksum.hpp"
#include "datapath/eight_types.hpp"
#include "datapath/link_local.hpp"
#include "datapath/merger.hpp"
#include "datapath/offload.hpp"
#include "datapath/rx_filter.hpp"
#include "datapath/tx_engine.hpp"
#include "proto/slow.hpp"

namespace dpdkbond {

namespace {

std::uint16_t hand_up_once(const LogicalQueue& q, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (!q.shared) return rte_eth_tx_burst(q.port, q.tx_queue, frames, n);
    QueueLock& lock = queue_lock(q.port, q.tx_queue);
    rte_spinlock_lock(&lock.lock);
    const std::uint16_t sent = rte_eth_tx_burst(q.port, q.tx_queue, frames, n);
    rte_spinlock_unlock(&lock.lock);
    return sent;
}

// Frames of a kernel's socket or of a virtio device: drops what is longer than the logical interface takes (a
// peer on this machine that left the cutting to hardware that is not there), and sees to checksums left to
// such hardware. Returns how many stay.
std::uint16_t mend(MemberLaneCounters& counters, const Snapshot& s, const SnapshotMember& m,
                   rte_mbuf** frames, std::uint16_t n) noexcept {
    std::uint16_t kept = 0;
    for (std::uint16_t i = 0; i < n; ++i) {
        if (m.offloads == Offloads::tcp) read_virtio_flags(frames[i]);
        if (longest_frame(frames[i]) > s.max_frame) [[unlikely]] {
            drop(counters.drops[static_cast<unsigned>(DropReason::oversize)], &frames[i], 1);
            continue;
        }
        if (m.offloads == Offloads::none)
            complete_checksum(frames[i]); // else the frame says whether it is done
        frames[kept++] = frames[i];
    }
    return kept;
}

// Gives as many as possible to the logical interface; returns how many it took.
std::uint16_t offer_up(Lane& lane, rte_mbuf** frames, std::uint16_t n) noexcept {
    std::uint16_t sent = hand_up_once(lane.logical, frames, n);
    for (int tries = 0; sent < n && tries < kTxRetries; ++tries) {
        rte_pause();
        sent = static_cast<std::uint16_t>(
            sent + hand_up_once(lane.logical, frames + sent, static_cast<std::uint16_t>(n - sent)));
    }
    return sent;
}

// Frames of a member on their way up: to be merged, or at once.
void pass_up(Lane& lane, std::uint8_t member, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (lane.merger != nullptr)
        lane.merger->take(lane, member, frames, n);
    else
        hand_up(lane, frames, n);
}

// pass_up() of frames that the logical interface may not take as they are. A super-frame counts as one.
[[gnu::noinline]] void pass_up_finished(Lane& lane, std::uint8_t member, rte_mbuf** frames,
                                        std::uint16_t n) noexcept {
    std::uint16_t first = 0; // of the finished ones that wait
    const auto hand_up_waiting = [&](std::uint16_t end) {
        if (first < end) pass_up(lane, member, frames + first, static_cast<std::uint16_t>(end - first));
    };
    for (std::uint16_t i = 0; i < n; ++i) {
        if (may_stay_undone(frames[i], lane.logical.offloads)) continue;
        if (!is_super(frames[i])) {
            complete_undone(frames[i]);
            continue;
        }
        hand_up_waiting(i);
        first = static_cast<std::uint16_t>(i + 1);
        if (lane.merger != nullptr) lane.merger->end_round(lane); // its segments do not go that way
        const CutResult done = cut(frames[i], [&](rte_mbuf** pieces, std::uint16_t count) {
            const std::uint16_t sent = offer_up(lane, pieces, count);
            rte_pktmbuf_free_bulk(pieces + sent, count - sent);
            return sent == count;
        });
        rte_pktmbuf_free(frames[i]);
        if (done == CutResult::all)
            lane.counters.up.add(1);
        else
            lane.counters
                .drops[static_cast<unsigned>(done == CutResult::refused ? DropReason::logical_full
                                                                        : DropReason::no_buffer)]
                .add(1);
    }
    hand_up_waiting(n);
}

// A frame of control's own waits for room longer than data does: a queue that data keeps full must not cost
// the partner an LACPDU.
constexpr int kOwnFrameRetries = 256;

void send_own(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf* frame) noexcept {
    const SnapshotMember& m = s.member[id];
    if (send_once(lane, m, &frame, 1) == 1) {
        lane.counters.member[id].tx.add(1);
        return;
    }
    const OfferedAgain refused_before;
    for (int tries = 1; tries < kOwnFrameRetries; ++tries) {
        rte_pause();
        if (send_once(lane, m, &frame, 1) == 1) {
            lane.counters.member[id].tx.add(1);
            return;
        }
    }
    send(lane, s, id, &frame, 1); // the last attempts, and the counting
}

// A slow-protocol frame with one or two tags, or whose tag the device has taken off (802.3 57A.3: they are
// never tagged).
inline bool is_tagged_slow(const rte_mbuf* m, const std::uint8_t* bytes, std::uint16_t type) noexcept {
    if (type == ethertype::slow) [[unlikely]]
        return (m->ol_flags & (RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_QINQ_STRIPPED)) != 0;
    if (!is_vlan_ethertype(type) || m->data_len < 18) return false;
    const std::uint16_t inner = load_be16(bytes + 16);
    return inner == ethertype::slow ||
           (is_vlan_ethertype(inner) && m->data_len >= 22 && load_be16(bytes + 20) == ethertype::slow);
}

// A frame's type, in memory order. A buffer has room for a header, whatever is in it.
inline std::uint16_t type_of(const rte_mbuf* m) noexcept {
    return load_raw16(rte_pktmbuf_mtod(m, const std::uint8_t*) + 12);
}
inline bool is_ip(const rte_mbuf* m) noexcept {
    const std::uint16_t type = type_of(m);
    return type == rte_cpu_to_be_16(ethertype::ipv4) || type == rte_cpu_to_be_16(ethertype::ipv6);
}

// How many frames in front are untagged IP; with SSE without a branch for each.
std::uint16_t ip_alone(rte_mbuf* const* frames, std::uint16_t n) noexcept {
    std::uint16_t i = 0;
#ifdef __SSE4_1__
    for (; i + 8 <= n; i = static_cast<std::uint16_t>(i + 8)) {
        const __m128i types = eight_of([&](unsigned k) { return type_of(frames[i + k]); });
        const __m128i ip = _mm_or_si128(have_type(types, ethertype::ipv4), have_type(types, ethertype::ipv6));
        if (_mm_movemask_epi8(ip) != 0xffff) break;
    }
#endif
    while (i < n && is_ip(frames[i])) ++i;
    return i;
}

[[gnu::cold]] void give_to_control(Lane& lane, std::uint8_t member, rte_mbuf* frame) noexcept {
    if (!offer_to_control(lane, MemberId{member}, frame))
        drop(lane.counters.drops[static_cast<unsigned>(DropReason::control_full)], &frame, 1);
}

} // namespace

void hand_up(Lane& lane, rte_mbuf** frames, std::uint16_t n) noexcept {
    const std::uint16_t sent = offer_up(lane, frames, n);
    lane.counters.up.add(sent);
    if (sent < n)
        drop(lane.counters.drops[static_cast<unsigned>(DropReason::logical_full)], frames + sent,
             static_cast<std::uint16_t>(n - sent));
}

void hand_up_merged(Lane& lane, rte_mbuf** frames, const std::uint16_t* contained, std::uint16_t n) noexcept {
    const std::uint16_t sent = offer_up(lane, frames, n);
    const auto sum = [&](unsigned from, unsigned to) {
        return std::accumulate(contained + from, contained + to, std::uint64_t{0});
    };
    const std::uint64_t went_up = sum(0, sent);
    lane.counters.up.add(went_up);
    lane.counters.merged.add(went_up - sent);
    if (sent == n) [[likely]]
        return;
    rte_pktmbuf_free_bulk(frames + sent, n - sent);
    lane.counters.drops[static_cast<unsigned>(DropReason::logical_full)].add(sum(sent, n));
}

bool offer_to_control(Lane& lane, MemberId from, rte_mbuf* frame) noexcept {
    frame->port = from.value;
    if (lane.punted == nullptr || !lane.punted->push(frame)) return false;
    lane.counters.punted.add(1);
    lane.bell = true;
    return true;
}

std::uint16_t punt_lacp(Lane& lane, const Snapshot&, std::uint8_t member, rte_mbuf** frames,
                        std::uint16_t n) noexcept {
    std::uint16_t kept = ip_alone(frames, n); // most bursts are, and stay as they are
    if (kept == n) [[likely]]
        return n;
    for (std::uint16_t i = kept; i < n; ++i) {
        rte_mbuf* const m = frames[i];
        const auto* bytes = rte_pktmbuf_mtod(m, const std::uint8_t*);
        const std::uint16_t type = load_be16(bytes + 12);
        if (is_tagged_slow(m, bytes, type)) [[unlikely]] {
            rte_mbuf* refused = m;
            drop(lane.counters.member[member].drops[static_cast<unsigned>(DropReason::foreign_group)],
                 &refused, 1);
            continue;
        }
        if (type == ethertype::slow) [[unlikely]] {
            const auto subtype = slow_frame_subtype({bytes, m->data_len});
            if (subtype == slow_subtype::lacp || subtype == slow_subtype::marker) {
                give_to_control(lane, member, m);
                continue;
            }
        }
        frames[kept++] = m;
    }
    return kept;
}

std::uint16_t take_in(Lane& lane, const Snapshot& s, std::uint8_t id, rte_mbuf** frames,
                      std::uint16_t n) noexcept {
    const SnapshotMember& m = s.member[id];
    MemberLaneCounters& counters = lane.counters.member[id];
    counters.rx.add(n);
    if (s.punt != nullptr) n = s.punt(lane, s, id, frames, n);
    if (s.taps.has(MemberId{id})) [[unlikely]]
        n = give_to_tap(lane, s, id, frames, n);
    if (n == 0) return 0;
    if (!s.rx_accept.has(MemberId{id})) {
        drop(counters.drops[static_cast<unsigned>(DropReason::inactive_member)], frames, n);
        return 0;
    }
    n = sort_out(lane, s, id, frames, n);
    return m.kernel_socket || m.offloads == Offloads::tcp ? mend(counters, s, m, frames, n) : n;
}

unsigned receive(Lane& lane, const Snapshot& s) noexcept {
    unsigned seen = 0;
    rte_mbuf* frames[kBurst];
    for (unsigned k = 0; k < s.rx_count; ++k) {
        const RxMember& from = s.rx[k];
        for (std::uint16_t q = first_queue(lane.worker, lane.workers, from.first_worker); q < from.queues;
             q = static_cast<std::uint16_t>(q + lane.workers)) {
            std::uint16_t n = rte_eth_rx_burst(from.port, q, frames, kBurst);
            if (n == 0) continue;
            seen += n;
            const std::uint8_t id = from.id;
            n = take_in(lane, s, id, frames, n);
            if (n == 0) continue;
            lane.counters.member[id].rx_at.set(lane.clock);
            if (s.member[id].offloads > lane.logical.offloads)
                pass_up_finished(lane, id, frames, n);
            else
                pass_up(lane, id, frames, n);
        }
    }
    if (lane.merger == nullptr) return seen;
    lane.merger->end_round(lane);
    return seen + lane.merger->waiting(); // which is no time to sleep
}

const Snapshot& newest(Lane& lane) noexcept {
    const Snapshot& s = *lane.snapshot->load(std::memory_order_acquire);
    if (s.failover.number != lane.gap.taken) [[unlikely]]
        lane.gap.begin(lane, s);
    return s;
}

unsigned transmit(Lane& lane, const Snapshot& s) noexcept {
    unsigned seen = 0;
    rte_mbuf* frames[kBurst];
    for (std::uint16_t q = first_queue(lane.worker, lane.workers, lane.logical.first_worker);
         q < lane.logical.rx_queues; q = static_cast<std::uint16_t>(q + lane.workers)) {
        unsigned taken = 0;
        while (taken < kMostARound) {
            const std::uint16_t n = rte_eth_rx_burst(lane.logical.port, q, frames, kBurst);
            if (n == 0) break;
            taken += n;
            lane.counters.down.add(n);
            if (lane.logical.offloads == Offloads::tcp)
                for (std::uint16_t i = 0; i < n; ++i) read_virtio_flags(frames[i]);
            // A call for some super-frames is worth itself.
            const bool many =
                n >= kWorthWaiting && !(lane.logical.offloads != Offloads::none && is_super(frames[n - 1]));
            lane.stage.more_to_come = many;
            const std::uint8_t own = s.by_queue[q];
            if (own == kNoMember.value) [[likely]]
                s.tx_burst(lane, s, frames, n);
            else
                send(lane, s, own, frames, n);
            if (!many) break;
        }
        lane.stage.more_to_come = false;
        flush(lane);
        seen += taken;
    }
    return seen;
}

unsigned inject(Lane& lane, const Snapshot& s) noexcept {
    if (lane.inject == nullptr) return 0;
    rte_mbuf* frames[kBurst];
    const unsigned n = lane.inject->pop_burst(frames, kBurst);
    for (unsigned i = 0; i < n; ++i) {
        const auto id = static_cast<std::uint8_t>(frames[i]->port);
        bool present = false;
        for (unsigned k = 0; k < s.rx_count; ++k) present |= s.rx[k].id == id;
        if (!present) {
            drop(lane.counters.drops[static_cast<unsigned>(DropReason::member_gone)], &frames[i], 1);
            continue;
        }
        lane.counters.injected.add(1);
        send_own(lane, s, id, frames[i]);
    }
    return n;
}

} // namespace dpdkbond

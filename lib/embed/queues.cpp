// SPDX-License-Identifier: BSD-3-Clause
#include "embed/queues.hpp"

#include <rte_pause.h>

#include <algorithm>

#include "datapath/holding.hpp"
#include "datapath/rx_engine.hpp"
#include "datapath/tx_engine.hpp"
#include "engine/control.hpp"

namespace dpdkbond {

namespace {

// How often a sender looks whether control has left: it is inside for some microseconds, unless the scheduler
// has taken its processor away.
constexpr int kPatience = 1000;

inline void tell_control(Lane& lane, Control& control) noexcept {
    if (!lane.bell) [[likely]]
        return;
    lane.bell = false;
    control.ring_bell();
}

// Of all frames together.
inline std::uint64_t octets(rte_mbuf* const* frames, std::size_t n) noexcept {
    std::uint64_t even = 0, odd = 0; // one sum would make each frame wait for the one before
    std::size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        even += frames[i]->pkt_len;
        odd += frames[i + 1]->pkt_len;
    }
    if (i < n) even += frames[i]->pkt_len;
    return even + odd;
}

// Puts the frames of a burst that were not sent behind the others, in their order.
[[gnu::cold, gnu::noinline]] void unsent_to_the_end(rte_mbuf** frames, std::uint16_t n,
                                                    UnsentFrames& unsent) noexcept {
    std::array<rte_mbuf*, kMaxBurst> in_order;
    unsigned sent = n - unsent.count, back = n; // where the next one goes, from behind
    unsigned left = unsent.count;
    rte_mbuf** const begin = unsent.frames.data();
    for (unsigned i = n; i-- > 0;) {
        rte_mbuf** const found = std::find(begin, begin + left, frames[i]);
        if (found != begin + left) {
            *found = begin[--left];
            in_order[--back] = frames[i];
        } else {
            in_order[--sent] = frames[i];
        }
    }
    std::copy_n(in_order.begin(), n, frames);
}

} // namespace

std::uint16_t RxQueue::take_parked(rte_mbuf** frames, std::uint16_t room) noexcept {
    unsigned left = parked_count.load(std::memory_order_relaxed);
    std::uint16_t got = 0;
    for (; left != 0 && got < room; --left) {
        frames[got++] = parked[parked_first];
        parked_first = (parked_first + 1) % kParked;
    }
    parked_count.store(left, std::memory_order_relaxed);
    return got;
}

std::uint16_t RxQueue::receive(rte_mbuf** frames, std::uint16_t room) noexcept {
    const Snapshot& s = newest();
    std::uint16_t got = 0;
    if (parked_count.load(std::memory_order_relaxed) != 0) [[unlikely]]
        got = take_parked(frames, room);
    bool any = got != 0; // else nothing has changed
    const unsigned members = s.rx_count;
    unsigned k = turn < members ? turn : 0;
    turn = k + 1;
    for (unsigned i = 0; i < members && got < room; ++i) {
        const RxMember& from = s.rx[k];
        for (std::uint16_t q = first_queue(lane->worker, lane->workers, from.first_worker);
             q < from.queues && got < room; q = static_cast<std::uint16_t>(q + lane->workers)) {
            const std::uint16_t n =
                rte_eth_rx_burst(from.port, q, frames + got, static_cast<std::uint16_t>(room - got));
            if (n == 0) continue;
            any = true;
            got = static_cast<std::uint16_t>(got + take_in(*lane, s, from.id, frames + got, n));
        }
        if (++k == members) k = 0;
    }
    if (!any) return 0;
    std::uint64_t bytes = 0;
    for (std::uint16_t i = 0; i < got; ++i) {
        frames[i]->port = port;
        bytes += frames[i]->pkt_len;
    }
    counters.packets.add(got);
    counters.bytes.add(bytes);
    lane->counters.up.add(got);
    tell_control(*lane, *control);
    return got;
}

unsigned RxQueue::receive_for_absent() noexcept {
    constexpr unsigned kAtOnce = 2048; // of each queue of a member: no more lie in one
    const Snapshot& s = newest();
    unsigned kept = 0;
    rte_mbuf* frames[kBurst];
    for (unsigned k = 0; k < s.rx_count; ++k) {
        const RxMember& from = s.rx[k];
        for (std::uint16_t q = first_queue(lane->worker, lane->workers, from.first_worker); q < from.queues;
             q = static_cast<std::uint16_t>(q + lane->workers)) {
            std::uint16_t n = kBurst;
            for (unsigned seen = 0; n == kBurst && seen < kAtOnce; seen += n) {
                n = rte_eth_rx_burst(from.port, q, frames, kBurst);
                if (n != 0) kept += park(*lane, frames, take_in(*lane, s, from.id, frames, n));
            }
        }
    }
    lane->bell = false; // control is here
    return kept;
}

std::uint16_t RxQueue::park(Lane& by, rte_mbuf** frames, std::uint16_t n) noexcept {
    const unsigned room = std::min<unsigned>(kParked, descriptors);
    unsigned count = parked_count.load(std::memory_order_relaxed);
    std::uint16_t kept = 0;
    for (; kept < n && count < room; ++kept) parked[(parked_first + count++) % kParked] = frames[kept];
    parked_count.store(count, std::memory_order_release);
    if (kept < n)
        drop(by.counters.drops[static_cast<unsigned>(DropReason::logical_full)], frames + kept,
             static_cast<std::uint16_t>(n - kept));
    return kept;
}

void RxQueue::free_parked() noexcept {
    rte_mbuf* frames[kBurst];
    while (const std::uint16_t n = take_parked(frames, kBurst)) rte_pktmbuf_free_bulk(frames, n);
}

std::uint16_t TxQueue::send(rte_mbuf** frames, std::uint16_t n) noexcept {
    Lane& l = *lane;
    const Snapshot& s = newest();
    const std::uint8_t own = s.by_queue[number];
    if (l.held.count != 0 || s.tx_count == 0) [[unlikely]] {
        if (!may_send(s)) {
            refused.add(n);
            return 0;
        }
    }
    std::uint16_t done = 0;
    do {
        rte_mbuf** const burst = frames + done;
        const auto count = static_cast<std::uint16_t>(std::min<unsigned>(n - done, kMaxBurst));
        std::uint64_t bytes = octets(burst, count); // a frame that has been sent is not ours
        l.unsent = &unsent;
        if (own == kNoMember.value) [[likely]]
            s.tx_burst(l, s, burst, count);
        else
            dpdkbond::send(l, s, own, burst, count);
        l.unsent = nullptr;
        done = static_cast<std::uint16_t>(done + count);
        if (unsent.count != 0) [[unlikely]] {
            bytes -= octets(unsent.frames.data(), unsent.count);
            done = static_cast<std::uint16_t>(done - take_back(burst, count));
            refused.add(static_cast<std::uint64_t>(n - done));
            n = done;
        }
        counters.bytes.add(bytes);
    } while (done < n);
    counters.packets.add(done);
    l.counters.down.add(done);
    if (l.held.count != 0) [[unlikely]]
        holds.store(true, std::memory_order_relaxed);
    tell_control(l, *control);
    return done;
}

bool TxQueue::may_send(const Snapshot& s) noexcept {
    if (lane->held.count != 0) {
        const bool may_go_on = release_held(*lane, s);
        holds.store(lane->held.count != 0, std::memory_order_relaxed);
        if (!may_go_on) return false;
    }
    return s.tx_count != 0;
}

// Of a burst of n frames those that were not sent go back, behind the others. Returns how many they are.
std::uint16_t TxQueue::take_back(rte_mbuf** frames, std::uint16_t n) noexcept {
    const std::uint16_t back = unsent.count;
    unsent_to_the_end(frames, n, unsent);
    unsent.count = 0;
    return back;
}

void TxQueue::release() noexcept {
    const Snapshot& s = newest();
    while (lane->held.count != 0) {
        const std::uint16_t before = lane->held.count;
        release_held(*lane, s);
        if (lane->held.count == before) break; // they wait on
    }
    holds.store(lane->held.count != 0, std::memory_order_relaxed);
}

std::uint16_t receive_burst(void* queue, rte_mbuf** frames, std::uint16_t room) {
    auto& q = *static_cast<RxQueue*>(queue);
    if (!q.gate.enter()) [[unlikely]]
        return 0;
    const std::uint16_t got = q.receive(frames, room);
    q.gate.leave();
    return got;
}

std::uint16_t send_burst(void* queue, rte_mbuf** frames, std::uint16_t n) {
    auto& q = *static_cast<TxQueue*>(queue);
    for (int tries = 0; !q.gate.enter(); ++tries) {
        if (tries == kPatience) return 0;
        rte_pause();
    }
    const std::uint16_t sent = n != 0 ? q.send(frames, n) : std::uint16_t{0};
    q.gate.leave();
    return sent;
}

} // namespace dpdkbond

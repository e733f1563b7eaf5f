// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/gap_watch.hpp"

#include <rte_cycles.h>

#include <algorithm>

#include "datapath/lane.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint64_t kPatienceSeconds = 10;

// The newest time that the counter has at one of the members.
std::uint64_t newest_of(const Lane& lane, MemberSet members, Stamp MemberLaneCounters::*which) noexcept {
    std::uint64_t newest = 0;
    for (const MemberId id : members)
        newest = std::max(newest, (lane.counters.member[id.value].*which).get());
    return newest;
}

} // namespace

// A failover that follows one whose first frame has not come yet goes on from the last frame before both.
void GapWatch::begin(const Lane& lane, const Snapshot& s) noexcept {
    const auto note = [&](std::atomic<std::uint64_t>& last, std::atomic<std::uint64_t>& first,
                          Stamp MemberLaneCounters::*which) {
        const bool goes_on = waiting && first.load(std::memory_order_relaxed) == 0;
        const std::uint64_t before = goes_on ? last.load(std::memory_order_relaxed) : 0;
        last.store(std::max(before, newest_of(lane, s.failover.from, which)), std::memory_order_relaxed);
        first.store(0, std::memory_order_relaxed);
    };
    note(last_rx, first_rx, &MemberLaneCounters::rx_at);
    note(last_tx, first_tx, &MemberLaneCounters::tx_at);
    taken = s.failover.number;
    to = s.failover.to;
    began = lane.clock;
    given_up = began + kPatienceSeconds * rte_get_tsc_hz();
    waiting = began != 0;
    number.store(taken, std::memory_order_release);
}

void GapWatch::look(const Lane& lane) noexcept {
    const auto find = [&](std::atomic<std::uint64_t>& first, Stamp MemberLaneCounters::*which) {
        if (first.load(std::memory_order_relaxed) != 0) return true;
        const std::uint64_t at = newest_of(lane, to, which);
        if (at < began) return false;
        first.store(at, std::memory_order_release);
        return true;
    };
    const bool received = find(first_rx, &MemberLaneCounters::rx_at);
    const bool sent = find(first_tx, &MemberLaneCounters::tx_at);
    waiting = !(received && sent) && lane.clock < given_up;
}

} // namespace dpdkbond

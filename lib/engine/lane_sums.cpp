// SPDX-License-Identifier: BSD-3-Clause
#include "engine/lane_sums.hpp"

namespace dpdkbond {

namespace {

// Calls f on each counter of both.
template <class F> void each(MemberCounters& a, const MemberCounters& b, F f) {
    f(a.rx_packets, b.rx_packets);
    f(a.rx_bytes, b.rx_bytes);
    f(a.tx_packets, b.tx_packets);
    f(a.tx_bytes, b.tx_bytes);
    f(a.cut_in_software, b.cut_in_software);
    f(a.missed, b.missed);
    f(a.no_buffer, b.no_buffer);
    f(a.rx_errors, b.rx_errors);
    f(a.tx_errors, b.tx_errors);
    f(a.tap_to_host, b.tap_to_host);
    f(a.tap_from_host, b.tap_from_host);
    f(a.tap_refused, b.tap_refused);
    f(a.tap_foreign, b.tap_foreign);
    f(a.tap_oversize, b.tap_oversize);
    for (std::size_t r = 0; r < kDropReasons; ++r) f(a.drops[r], b.drops[r]);
}

template <class F> void each(BondCounters& a, const BondCounters& b, F f) {
    f(a.rx_packets, b.rx_packets);
    f(a.rx_bytes, b.rx_bytes);
    f(a.tx_packets, b.tx_packets);
    f(a.tx_bytes, b.tx_bytes);
    f(a.injected, b.injected);
    f(a.answered, b.answered);
    f(a.punted, b.punted);
    f(a.merged, b.merged);
    f(a.reordered, b.reordered);
    f(a.held, b.held);
    f(a.held_overflow, b.held_overflow);
    f(a.copied, b.copied);
    f(a.copies_lost, b.copies_lost);
    f(a.left_rx_packets, b.left_rx_packets);
    f(a.left_tx_packets, b.left_tx_packets);
    for (std::size_t r = 0; r < kDropReasons; ++r) f(a.drops[r], b.drops[r]);
}

constexpr auto kLess = [](std::uint64_t& from, std::uint64_t what) { from -= what < from ? what : from; };
constexpr auto kMore = [](std::uint64_t& to, std::uint64_t what) { to += what; };

} // namespace

MemberCounters sum_of_member(const BondCore& core, MemberId id) {
    MemberCounters sum;
    for (const Lane* lane : core.lanes) {
        const MemberLaneCounters& c = lane->counters.member[id.value];
        sum.rx_packets += c.rx.get();
        sum.tx_packets += c.tx.get();
        sum.cut_in_software += c.cut.get();
        for (std::size_t r = 0; r < kDropReasons; ++r) sum.drops[r] += c.drops[r].get();
    }
    const TapCounters& tap = core.tap_counters[id];
    sum.tap_to_host = tap.to_host.get();
    sum.tap_from_host = tap.from_host.get();
    sum.tap_refused = tap.refused.get();
    sum.tap_foreign = tap.foreign.get();
    sum.tap_oversize = tap.oversize.get();
    return sum;
}

void put_device_counts(MemberCounters& to, const rte_eth_stats& stats) {
    to.rx_bytes = stats.ibytes;
    to.tx_bytes = stats.obytes;
    to.missed = stats.imissed;
    to.no_buffer = stats.rx_nombuf;
    to.rx_errors = stats.ierrors;
    to.tx_errors = stats.oerrors;
}

BondCounters sum_of_bond(const BondCore& core) {
    BondCounters sum;
    for (const Lane* lane : core.lanes) {
        const LaneCounters& c = lane->counters;
        sum.rx_packets += c.up.get();
        sum.tx_packets += c.down.get();
        sum.injected += c.injected.get();
        sum.answered += c.answered.get();
        sum.punted += c.punted.get();
        sum.merged += c.merged.get();
        sum.reordered += c.reordered.get();
        sum.held += c.held.get();
        sum.held_overflow += c.held_overflow.get();
        sum.copied += c.copied.get();
        sum.copies_lost += c.copies_lost.get();
        for (std::size_t r = 0; r < kDropReasons; ++r) {
            sum.drops[r] += c.drops[r].get();
            for (const MemberLaneCounters& m : c.member) sum.drops[r] += m.drops[r].get();
        }
    }
    // Wanted on the wire, so injected, and dropped.
    const auto lost = [&](DropReason reason, std::uint64_t n) {
        sum.injected += n;
        sum.drops[static_cast<std::size_t>(reason)] += n;
    };
    lost(DropReason::no_member, core.lost_no_member.get());
    lost(DropReason::no_buffer, core.lost_no_buffer.get());
    lost(DropReason::control_full, core.lost_ring_full.get());
    return sum;
}

void subtract(MemberCounters& from, const MemberCounters& what) { each(from, what, kLess); }
void subtract(BondCounters& from, const BondCounters& what) { each(from, what, kLess); }
void add(MemberCounters& to, const MemberCounters& what) { each(to, what, kMore); }
void add(BondCounters& to, const BondCounters& what) { each(to, what, kMore); }

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "engine/gap_meter.hpp"

#include <rte_cycles.h>

#include <algorithm>

namespace dpdkbond {

namespace {

constexpr Duration kBetweenLooks = std::chrono::milliseconds(10);
constexpr Duration kOtherDirection = std::chrono::seconds(1); // what is awaited of it once one is known
constexpr Duration kPatience = std::chrono::seconds(11);      // a little longer than the lanes'

Duration from_cycles(std::uint64_t cycles) {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    return Duration(static_cast<std::int64_t>(static_cast<double>(cycles) * 1e9 / hz));
}

// From the last frame on any lane to the first on any; lanes change over one after another, so that a first
// one may come before a last one.
std::optional<Duration> between(std::span<const Lane* const> lanes,
                                std::atomic<std::uint64_t> GapWatch::*last,
                                std::atomic<std::uint64_t> GapWatch::*first) {
    std::uint64_t ended = 0, began = ~std::uint64_t{0};
    for (const Lane* lane : lanes) {
        ended = std::max(ended, (lane->gap.*last).load(std::memory_order_relaxed));
        const std::uint64_t at = (lane->gap.*first).load(std::memory_order_acquire);
        if (at != 0) began = std::min(began, at);
    }
    if (ended == 0 || began == ~std::uint64_t{0}) return std::nullopt;
    return from_cycles(began > ended ? began - ended : 0);
}

} // namespace

void GapMeter::follow(const FailoverMove& move, Time now) {
    if (move == move_) return;
    move_ = move;
    began_ = now;
    next_look_ = now + kBetweenLooks;
}

std::optional<FailoverGap> GapMeter::look(std::span<const Lane* const> lanes, Time now) {
    if (now < next_look_) return std::nullopt;
    next_look_ = now + kBetweenLooks;
    const bool all_know = std::ranges::all_of(lanes, [&](const Lane* lane) {
        return lane->gap.number.load(std::memory_order_acquire) == move_.number;
    });
    FailoverGap gap{move_, {}, {}};
    if (all_know) {
        gap.received = between(lanes, &GapWatch::last_rx, &GapWatch::first_rx);
        gap.sent = between(lanes, &GapWatch::last_tx, &GapWatch::first_tx);
    }
    const bool complete = gap.received && gap.sent;
    const Duration waited = now - began_;
    if (!complete && waited < kPatience && !(gap.known() && waited >= kOtherDirection)) return std::nullopt;
    next_look_ = kNever;
    if (!gap.known()) return std::nullopt;
    return gap;
}

} // namespace dpdkbond

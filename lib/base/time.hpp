// SPDX-License-Identifier: BSD-3-Clause
// Time as the core sees it: a point handed in by the shell. Nothing in lib/ below lib/dpdk asks a clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace dpdkbond {

using Duration = std::chrono::nanoseconds;

// The clock that the application's shell reads (CLOCK_MONOTONIC); it has no now() on purpose.
struct MonotonicClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock, duration>;
    static constexpr bool is_steady = true;
};

using Time = MonotonicClock::time_point;

inline constexpr Time kNever = Time::max();

constexpr std::int64_t to_ns(Time t) { return t.time_since_epoch().count(); }
constexpr Time time_from_ns(std::int64_t ns) { return Time{Duration{ns}}; }

} // namespace dpdkbond

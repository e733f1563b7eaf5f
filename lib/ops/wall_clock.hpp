// SPDX-License-Identifier: BSD-3-Clause
// The monotonic clock, and its moments as dates for people. Any ordinary thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"

namespace dpdkbond {

// CLOCK_MONOTONIC, as the program's events have it.
Time monotonic_now();

// Nanoseconds since 1970 (UTC), by what the two clocks say now.
std::int64_t wall_ns(Time at);

// ISO 8601 in UTC: "2026-11-28T11:08:44Z", with milliseconds "2026-11-28T11:08:44.123Z".
std::string utc_text(std::int64_t ns, bool milliseconds = false);

} // namespace dpdkbond

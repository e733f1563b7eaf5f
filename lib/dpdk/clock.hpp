// SPDX-License-Identifier: BSD-3-Clause
// The one now() of the program. Any thread.
#pragma once

#include <ctime>

#include "base/time.hpp"

namespace dpdkbond {

inline Time now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return time_from_ns(std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// At most N of something within any window of time.
#pragma once

#include <array>
#include <cstddef>

#include "base/time.hpp"

namespace dpdkbond::lacp {

template <std::size_t N> class RateWindow {
public:
    explicit constexpr RateWindow(Duration window) : window_(window) {}
    // When the next one is allowed; Time::min() when it always was.
    [[nodiscard]] constexpr Time free_at() const { return used_ < N ? Time::min() : times_[at_] + window_; }
    [[nodiscard]] constexpr bool allows(Time now) const { return free_at() <= now; }
    constexpr void note(Time now) {
        times_[at_] = now;
        at_ = (at_ + 1) % N;
        if (used_ < N) ++used_;
    }

private:
    Duration window_;
    std::array<Time, N> times_{};
    std::size_t at_ = 0; // the oldest once all are used
    std::size_t used_ = 0;
};

} // namespace dpdkbond::lacp

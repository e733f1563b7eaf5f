// SPDX-License-Identifier: BSD-3-Clause
// How long a bond carried no frames while its traffic went from members that were lost to others: from the
// last frame that those received or sent to the first one that their successors did, as the workers saw it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/member_set.hpp"
#include "base/time.hpp"

namespace dpdkbond {

// Which members were lost, and which send in their place.
struct FailoverMove {
    std::uint32_t number = 0; // counts from 1; 0: there was none yet
    MemberSet from, to;
    bool operator==(const FailoverMove&) const = default;
};

// One gap. Data frames of the logical interface count, what control sends for itself does not.
struct FailoverGap {
    FailoverMove move;
    std::optional<Duration> received, sent; // nullopt: nothing before it, or nothing after it for too long
    [[nodiscard]] bool known() const { return received || sent; }
    [[nodiscard]] Duration longest() const {
        return std::max(received.value_or(Duration{0}), sent.value_or(Duration{0}));
    }
};

// Upper bounds of the histogram's classes; what is longer than the last is counted too.
inline constexpr std::array<Duration, 13> kGapBounds = [] {
    constexpr std::array<std::int64_t, 13> microseconds{100,       500,       1'000,     2'500,   5'000,
                                                        10'000,    25'000,    50'000,    100'000, 250'000,
                                                        1'000'000, 2'500'000, 10'000'000};
    std::array<Duration, 13> bounds{};
    for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = std::chrono::microseconds(microseconds[i]);
    return bounds;
}();

struct GapHistogram {
    std::array<std::uint64_t, kGapBounds.size() + 1> classes{}; // each without those below it
    std::uint64_t count = 0;
    Duration sum{0}, longest{0};
    FailoverGap last;

    void add(const FailoverGap& gap) {
        const Duration length = gap.longest();
        std::size_t i = 0;
        while (i < kGapBounds.size() && length > kGapBounds[i]) ++i;
        ++classes[i];
        ++count;
        sum += length;
        longest = std::max(longest, length);
        last = gap;
    }
};

} // namespace dpdkbond

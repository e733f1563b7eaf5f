// SPDX-License-Identifier: BSD-3-Clause
// What a worker has given each path to a peer: octets, by the path's rate. The next frame takes the path that
// has got least, so that all wires are busy for as long, whatever sizes frames have: of two links that took
// turns one would get all the data, and the other all the acknowledgements, of a flow in which they
// alternate. One writer; no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/member_set.hpp"

namespace dpdkbond {

class PathShares {
public:
    // What one octet costs on the fastest path; on one of a third of its rate it costs three times as much,
    // and never more than on one of a 256th.
    static constexpr std::uint32_t kOctet = 128, kMostAnOctet = 1U << 15U;

    // The path of `live` (a bit each, at least one) that was given least, the first of equals. When other
    // paths are live than before, all begin anew.
    unsigned least(std::uint32_t live) noexcept {
        if (live != live_) [[unlikely]] {
            live_ = live;
            given_.fill(0);
        }
        auto best = static_cast<unsigned>(__builtin_ctz(live));
        for (std::uint32_t left = live & (live - 1); left != 0; left &= left - 1) {
            const auto k = static_cast<unsigned>(__builtin_ctz(left));
            best = given_[k] < given_[best] ? k : best;
        }
        return best;
    }
    // `octets` of a frame, 65,536 at most.
    void add(unsigned path, std::uint32_t octets, std::uint32_t octet) noexcept {
        given_[path] += octets * octet;
        if (given_[path] >= kBeginAnew) [[unlikely]]
            subtract_the_least();
    }

private:
    // Then what all have in common is taken off. Nothing overflows: before, each has less.
    static constexpr std::uint32_t kBeginAnew = 1U << 31U;
    static_assert(std::uint64_t{kMostAnOctet} * 65536 + kBeginAnew <= std::uint64_t{1} << 32U);

    [[gnu::cold]] void subtract_the_least() noexcept {
        const std::uint32_t least_given = given_[least(live_)];
        for (std::uint32_t& g : given_) g = g > least_given ? g - least_given : 0;
    }

    std::uint32_t live_ = 0;
    std::array<std::uint32_t, kMaxMembers> given_{};
};

} // namespace dpdkbond

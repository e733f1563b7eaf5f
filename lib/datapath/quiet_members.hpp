// SPDX-License-Identifier: BSD-3-Clause
// Which members' queues a look asks for frames. A poll of an empty queue costs as much as some frames do, and
// backups, or members that the partner does not use, have nothing to give for hours: while the others are
// busy a member that has been quiet is asked at one look of four. Owner: the thread that reads the queues.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

#include "base/strong_id.hpp"

namespace dpdkbond {

class QuietMembers {
public:
    static constexpr unsigned kOneLookOf = 4;
    static constexpr unsigned kJudgedAfter = 64; // looks; whoever gave nothing in them is quiet
    // Looks that are further apart than this on average ask everyone: it is no matter what they cost, but how
    // long a frame waits.
    static constexpr std::uint64_t kApartUs = 5;

    // Places in Snapshot::rx, a bit each. The quiet ones shall be asked first: where there is room for so
    // many frames at a look, busy members would leave them none.
    struct Asked {
        std::uint32_t quiet, busy;
    };
    Asked begin_look(unsigned members) noexcept {
        if (++looks_ % kJudgedAfter == 0) [[unlikely]]
            judge();
        const auto all = static_cast<std::uint32_t>((std::uint64_t{1} << members) - 1);
        return {~busy_ & (kEachFourth << looks_ % kOneLookOf) & all, busy_ & all};
    }
    void found(unsigned place) noexcept { // frames
        heard_ |= 1U << place;
        busy_ |= 1U << place;
    }
    // Nobody is quiet until this has been seen anew: there is nothing else to do, or the thread is about to
    // sleep.
    void ask_all() noexcept { *this = QuietMembers{}; }

private:
    static_assert(kMaxMembers <= 32);
    static constexpr std::uint32_t kEachFourth = 0x1111'1111;

    void judge() noexcept {
        const std::uint64_t now = rte_rdtsc();
        const bool in_quick_succession =
            now - began_ < kJudgedAfter * kApartUs * (rte_get_tsc_hz() / 1'000'000);
        busy_ = in_quick_succession ? heard_ : ~std::uint32_t{0};
        heard_ = 0;
        began_ = now;
    }

    std::uint32_t looks_ = 0;
    std::uint32_t busy_ = ~std::uint32_t{0};
    std::uint32_t heard_ = 0; // since the last judgement, which was at …
    std::uint64_t began_ = 0; // … in cycles of rte_rdtsc()
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// a mod d for a divisor that is fixed long before the dividends come: two multiplications, no division.
// Lemire, Kaser, Kurz, "Faster remainder by direct computation" (2019): with m = ceil(2^64 / d), the fraction
// a/d is the low 64 bits of m * a, and the remainder the integer part of fraction * d. Exact for every 32-bit
// a and d.
#pragma once

#include <cstdint>

namespace dpdkbond {

struct FastMod {
    std::uint32_t d;
    std::uint64_t m;

    // d >= 1. For d = 1, m is 2^64 mod 2^64 = 0, which gives remainder 0: right.
    explicit constexpr FastMod(std::uint32_t divisor) noexcept : d(divisor), m(UINT64_MAX / divisor + 1) {}

    constexpr std::uint32_t operator()(std::uint32_t a) const noexcept {
        __extension__ using Wide = unsigned __int128;
        const std::uint64_t fraction = m * a;
        return static_cast<std::uint32_t>((static_cast<Wide>(fraction) * d) >> 64U);
    }
};

} // namespace dpdkbond

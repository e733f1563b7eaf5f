// SPDX-License-Identifier: BSD-3-Clause
// What eight received frames are, one in each 16-bit lane of an SSE register, without a branch for each.
#pragma once

#ifdef __SSE4_1__
#include <rte_byteorder.h>
#include <smmintrin.h>

#include <cstdint>

namespace dpdkbond {

// of(0) … of(7).
template <class Of> inline __m128i eight_of(Of of) noexcept {
    const auto lane = [&](unsigned k) { return static_cast<short>(of(k)); };
    return _mm_setr_epi16(lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7));
}

// All ones where a type, in memory order, is this one.
inline __m128i have_type(__m128i types, std::uint16_t type) noexcept {
    return _mm_cmpeq_epi16(types, _mm_set1_epi16(static_cast<short>(rte_cpu_to_be_16(type))));
}

} // namespace dpdkbond
#endif

// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum's sum (RFC 1071), a byte pair at a time: written apart from the code under test.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hand_mbuf.hpp"

namespace dpdkbond::testing {

inline std::uint32_t sum_pairs(const Octets& bytes, std::size_t from, std::size_t to, std::uint32_t sum = 0) {
    for (std::size_t i = from; i < to; ++i)
        sum += (i - from) % 2 == 0 ? std::uint32_t{bytes[i]} << 8U : bytes[i];
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return sum;
}

} // namespace dpdkbond::testing

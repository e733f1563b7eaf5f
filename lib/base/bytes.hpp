// SPDX-License-Identifier: BSD-3-Clause
// Unaligned loads and stores of wire (big-endian) integers, and a view of bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace dpdkbond {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

static_assert(std::endian::native == std::endian::little, "big-endian machines are not supported");

inline std::uint16_t load_be16(const std::uint8_t* p) {
    std::uint16_t v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_bswap16(v);
}
inline std::uint32_t load_be32(const std::uint8_t* p) {
    std::uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}
inline std::uint16_t load_raw16(const std::uint8_t* p) {
    std::uint16_t v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline std::uint32_t load_raw32(const std::uint8_t* p) { // in memory order
    std::uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline void store_be16(std::uint8_t* p, std::uint16_t v) {
    v = __builtin_bswap16(v);
    std::memcpy(p, &v, sizeof v);
}
inline void store_be32(std::uint8_t* p, std::uint32_t v) {
    v = __builtin_bswap32(v);
    std::memcpy(p, &v, sizeof v);
}

} // namespace dpdkbond

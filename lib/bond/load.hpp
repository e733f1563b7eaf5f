// SPDX-License-Identifier: BSD-3-Clause
// What workers count for the modes that balance by load: bytes, by the bucket that a frame fell into.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace dpdkbond {

inline constexpr std::size_t kLoadBuckets = 256; // Linux: balance-tlb's hash table
// The index of what is not spread and leaves by the active member: in the counters behind the buckets, and in
// Snapshot::bucket too, where it names the active member.
inline constexpr std::size_t kUnspread = kLoadBuckets;

using LoadTotals = std::array<std::uint64_t, kLoadBuckets + 1>; // bytes since the start

} // namespace dpdkbond

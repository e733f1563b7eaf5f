// SPDX-License-Identifier: BSD-3-Clause
// Which member a hash value leaves by: member = owner[hash mod size()].
//
// size() is the largest multiple of the member count within kMaxBuckets, so with every member usable the map
// is Linux's `hash mod n` exactly. When a member goes only its buckets move, and when it is back the first
// map is back.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/member_set.hpp"

namespace dpdkbond {

inline constexpr std::size_t kMaxBuckets = 1024;

struct BucketMap {
    std::uint32_t size = 0;                        // 0: no member is usable
    std::array<std::uint8_t, kMaxBuckets> owner{}; // MemberId values
    bool operator==(const BucketMap&) const = default;
};

// `members`: those that have carried since they joined, in the order in which they joined; `usable`: those
// that send.
BucketMap make_bucket_map(std::span<const MemberId> members, MemberSet usable);

} // namespace dpdkbond

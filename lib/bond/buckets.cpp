// SPDX-License-Identifier: BSD-3-Clause
#include "bond/buckets.hpp"

namespace dpdkbond {

namespace {

// A weight for (bucket, member) that looks random and never changes (the finaliser of splitmix64).
std::uint64_t weight(std::uint64_t bucket, MemberId member) {
    std::uint64_t x = (bucket << 8U | member.value) + 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 30U) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27U) * 0x94d049bb133111ebULL;
    return x ^ x >> 31U;
}

// A home for a bucket whose own member is out. First choice: the other members in turn, which shares a single
// loss out evenly; if that one is out too, the usable member of the highest weight: losing one more then
// moves only its own.
MemberId stand_in(std::span<const MemberId> members, std::size_t home, std::size_t bucket, MemberSet usable) {
    const std::size_t others = members.size() - 1;
    const std::size_t turn = (bucket / members.size()) % others;
    const MemberId first = members[(home + 1 + turn) % members.size()];
    if (usable.has(first)) return first;
    MemberId best = kNoMember;
    std::uint64_t best_weight = 0;
    for (const MemberId m : members) {
        if (!usable.has(m)) continue;
        const std::uint64_t w = weight(bucket, m);
        if (best == kNoMember || w > best_weight) {
            best = m;
            best_weight = w;
        }
    }
    return best;
}

} // namespace

BucketMap make_bucket_map(std::span<const MemberId> members, MemberSet usable) {
    BucketMap map;
    MemberSet present;
    for (const MemberId m : members) present.add(m);
    usable &= present;
    if (usable.empty()) return map;
    map.size = static_cast<std::uint32_t>(kMaxBuckets - kMaxBuckets % members.size());
    for (std::size_t bucket = 0; bucket < map.size; ++bucket) {
        const std::size_t home = bucket % members.size();
        const MemberId owner =
            usable.has(members[home]) ? members[home] : stand_in(members, home, bucket, usable);
        map.owner[bucket] = owner.value;
    }
    return map;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The choice of balance-xor and 802.3ad: the member that a flow's hash names in the bond's bucket map. The
// policy is a template argument: six loops, none with a branch on it. Worker threads only.
#pragma once

#include "datapath/hash_burst.hpp"
#include "datapath/sampling.hpp"
#include "datapath/tx_engine.hpp"
#include "flow/hash.hpp"

namespace dpdkbond {

template <HashPolicy Policy> class ByHash {
public:
    ByHash(PolicyState&, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n) noexcept
        : bucket_of_(s.bucket_mod), mask_(s.buckets - 1), power_of_2_((s.buckets & mask_) == 0),
          member_of_(s.bucket.data()) {
        hash_burst<Policy>(frames, n, hash_);
        if (s.hash_seed != 0) [[unlikely]]
            for (std::uint16_t i = 0; i < n; ++i) hash_[i] = seeded_hash(hash_[i], s.hash_seed);
    }
    std::uint32_t bucket(std::uint16_t i) const noexcept {
        return power_of_2_ ? hash_[i] & mask_ : bucket_of_(hash_[i]);
    }
    std::uint8_t operator()(std::uint16_t i) const noexcept { return member_of_[bucket(i)]; }

private:
    const FastMod bucket_of_;
    const std::uint32_t mask_; // the quicker way to the bucket with 2, 4, 8 … members
    const bool power_of_2_;
    const std::uint8_t* const member_of_;
    std::uint32_t hash_[kMaxBurst];
};

// Calls f.operator()<POLICY>() for the policy of the options.
template <class F> auto with_policy(HashPolicy policy, F f) {
    switch (policy) {
    case HashPolicy::layer2: return f.template operator()<HashPolicy::layer2>();
    case HashPolicy::layer23: return f.template operator()<HashPolicy::layer23>();
    case HashPolicy::layer34: return f.template operator()<HashPolicy::layer34>();
    case HashPolicy::encap23: return f.template operator()<HashPolicy::encap23>();
    case HashPolicy::encap34: return f.template operator()<HashPolicy::encap34>();
    case HashPolicy::vlan_srcmac: break;
    }
    return f.template operator()<HashPolicy::vlan_srcmac>();
}

// ModeDescriptor::counting of modes with this choice.
template <HashPolicy Policy>
void count_by_hash(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (s.buckets != 0 && is_counted(lane)) {
        std::uint32_t hash[kMaxBurst];
        hash_burst<Policy>(frames, n, hash);
        for (std::uint16_t i = 0; i < n; ++i)
            lane.flows.bytes[s.bucket_mod(seeded_hash(hash[i], s.hash_seed))].add(
                std::uint64_t{frames[i]->pkt_len} * kCountedBursts);
        sample_flow(lane, frames, n);
    }
    s.counted(lane, s, frames, n);
}

inline TxBurstFn counting_by_hash(const BondOptions& options) {
    return with_policy(options.xmit_hash_policy,
                       []<HashPolicy Policy>() -> TxBurstFn { return count_by_hash<Policy>; });
}

} // namespace dpdkbond

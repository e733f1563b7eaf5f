// SPDX-License-Identifier: BSD-3-Clause
// Mode 2, balance-xor: a flow leaves by the member that its hash names (Linux: xmit_hash_policy), through the
// bond's bucket map. The policy is a template argument: six loops, none with a branch on it.
#include "datapath/hash_burst.hpp"
#include "datapath/tx_engine.hpp"
#include "drivers/registry.hpp"
#include "drivers/spread.hpp"

namespace dpdkbond {

namespace {

template <HashPolicy Policy> class ByHash {
public:
    ByHash(PolicyState&, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n) noexcept
        : bucket_of_(s.bucket_mod), mask_(s.buckets - 1), power_of_2_((s.buckets & mask_) == 0),
          member_of_(s.bucket.data()) {
        hash_burst<Policy>(frames, n, hash_);
    }
    std::uint8_t operator()(std::uint16_t i) const noexcept {
        return member_of_[power_of_2_ ? hash_[i] & mask_ : bucket_of_(hash_[i])];
    }

private:
    const FastMod bucket_of_;
    const std::uint32_t mask_; // the quicker way to the bucket with 2, 4, 8 … members
    const bool power_of_2_;
    const std::uint8_t* const member_of_;
    std::uint32_t hash_[kMaxBurst];
};

TxBurstFn data_half(const BondOptions& options) {
    switch (options.xmit_hash_policy) {
    case HashPolicy::layer2: return tx_burst<ByHash<HashPolicy::layer2>>;
    case HashPolicy::layer23: return tx_burst<ByHash<HashPolicy::layer23>>;
    case HashPolicy::layer34: return tx_burst<ByHash<HashPolicy::layer34>>;
    case HashPolicy::encap23: return tx_burst<ByHash<HashPolicy::encap23>>;
    case HashPolicy::encap34: return tx_burst<ByHash<HashPolicy::encap34>>;
    case HashPolicy::vlan_srcmac: return tx_burst<ByHash<HashPolicy::vlan_srcmac>>;
    }
    return nullptr;
}

} // namespace

const ModeDescriptor balance_xor_mode{
    .number = Mode::balance_xor,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<SpreadController>(); },
    .hashes = true,
};

} // namespace dpdkbond

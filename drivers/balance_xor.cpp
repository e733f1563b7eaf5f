// SPDX-License-Identifier: BSD-3-Clause
// Mode 2, balance-xor: a flow leaves by the member that its hash names (Linux: xmit_hash_policy), through the bond's
// bucket map. The policy is a template argument: six loops, none with a branch on it.
#include "bond/flow_hash.hpp"
#include "datapath/tx_engine.hpp"
#include "drivers/registry.hpp"
#include "drivers/spread.hpp"

namespace dpdkbond {

namespace {

template <HashPolicy Policy>
struct ByHash {
    static void pick(PolicyState&, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n,
                     std::uint8_t* out) noexcept {
        const FastMod bucket_of = s.bucket_mod;
        for (std::uint16_t i = 0; i < n; ++i) {
            const auto* frame = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
            out[i] = s.bucket[bucket_of(flow_hash<Policy>(frame, frames[i]->data_len))];
        }
    }
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

// SPDX-License-Identifier: BSD-3-Clause
// Mode 5, balance-tlb: flows leave by all members in proportion to their speeds, everything is received by
// the active one. Any switch will do. When the active member is lost another takes its MAC over and announces
// it.
#include "drivers/balance.hpp"
#include "drivers/by_hash.hpp"
#include "drivers/by_load.hpp"
#include "drivers/registry.hpp"

namespace dpdkbond {

namespace {

class TlbController final : public BalanceController {
public:
    [[nodiscard]] bool announces() const override { return true; }

private:
    [[nodiscard]] MemberSet receivers(const Decision& d, MemberSet) const override { return {d.active}; }
};

TxBurstFn data_half(const BondOptions& options) {
    return with_policy(options.xmit_hash_policy, [&]<HashPolicy Policy>() -> TxBurstFn {
        return options.tlb_dynamic_lb ? tx_burst<ByLoad<ByPolicy<Policy>>>
                                      : tx_burst<ByMap<ByPolicy<Policy>>>;
    });
}

} // namespace

const ModeDescriptor balance_tlb_mode{
    .number = Mode::balance_tlb,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<TlbController>(); },
    .hashes = true,
    .place = place_by_hash,
    .counting = counting_by_map,
    .queries = balance_queries,
};

} // namespace dpdkbond

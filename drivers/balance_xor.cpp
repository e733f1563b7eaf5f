// SPDX-License-Identifier: BSD-3-Clause
// Mode 2, balance-xor: a flow leaves by the member that its hash names (Linux: xmit_hash_policy), through the
// bond's bucket map.
#include "drivers/by_hash.hpp"
#include "drivers/registry.hpp"
#include "drivers/spread.hpp"

namespace dpdkbond {

namespace {

TxBurstFn data_half(const BondOptions& options) {
    return with_policy(options.xmit_hash_policy,
                       []<HashPolicy Policy>() -> TxBurstFn { return tx_burst<ByHash<Policy>>; });
}

} // namespace

const ModeDescriptor balance_xor_mode{
    .number = Mode::balance_xor,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<SpreadController>(); },
    .hashes = true,
    .counting = counting_by_hash,
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Mode 3, broadcast: every member sends every frame. One buffer with a reference a member, never a copy.
#include "datapath/tx_engine.hpp"
#include "drivers/registry.hpp"
#include "drivers/spread.hpp"

namespace dpdkbond {

namespace {

struct EveryMember {
    static constexpr bool fan_out = true;
};

} // namespace

const ModeDescriptor broadcast_mode{
    .number = Mode::broadcast,
    .data_half = [](const BondOptions&) -> TxBurstFn { return tx_burst<EveryMember>; },
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<SpreadController>(true); },
    .hashes = false,
    .unplaced = [](const BondOptions&) -> Unplaced {
        return {true, "every usable member sends every frame"};
    },
};

} // namespace dpdkbond

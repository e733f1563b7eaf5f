// SPDX-License-Identifier: BSD-3-Clause
// A mode is a pair: a data half, chosen once for the bond's options, and a control half. drivers/ has one
// file a mode.
#pragma once

#include <memory>

#include "bond/controller.hpp"
#include "bond/options.hpp"
#include "bond/snapshot.hpp"

namespace dpdkbond {

struct ModeDescriptor {
    Mode number;
    // The data half for these options: what can be decided once is decided here and not per packet.
    TxBurstFn (*data_half)(const BondOptions& options);
    std::unique_ptr<Controller> (*control_half)();
    bool hashes;           // members are chosen by xmit_hash_policy and the bucket map
    PuntFn punt = nullptr; // which received frames are the control half's; nullptr: none
};

} // namespace dpdkbond

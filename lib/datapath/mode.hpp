// SPDX-License-Identifier: BSD-3-Clause
// A mode is a pair: a data half, chosen once for the bond's options, and a control half. drivers/ has one
// file a mode.
#pragma once

#include <memory>
#include <string>

#include "bond/controller.hpp"
#include "bond/snapshot.hpp"
#include "options/options.hpp"

namespace dpdkbond {

// What a data half makes of a frame, for `explain`.
struct Placing {
    bool spread = true; // false: it leaves by the active member, whatever it hashes to
    std::uint32_t hash = 0;
    std::string by; // what is hashed
};

struct ModeDescriptor {
    Mode number;
    // The data half for these options: what can be decided once is decided here and not per packet.
    TxBurstFn (*data_half)(const BondOptions& options);
    std::unique_ptr<Controller> (*control_half)();
    bool hashes;           // members are chosen by xmit_hash_policy and the bucket map
    PuntFn punt = nullptr; // which received frames are the control half's; nullptr: none
    // For modes in which not every frame is placed by xmit_hash_policy. Any thread.
    Placing (*place)(const BondOptions& options, Bytes frame) = nullptr;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The modes that there are. A ninth mode is one more file and one more line in registry.cpp, and its row in
// lib/options/modes.cpp; or, in a program that has the libraries and a mode of its own, add_mode().
#pragma once

#include <span>

#include "datapath/mode.hpp"

namespace dpdkbond {

std::span<const ModeDescriptor* const> mode_registry();
const ModeDescriptor* find_mode(Mode mode); // nullptr: there is none of that number

// A mode of a program of one's own, with its row (ModeDescriptor::def), numbered behind those that there are.
// Before anything else runs.
void add_mode(const ModeDescriptor& mode);

extern const ModeDescriptor balance_rr_mode;
extern const ModeDescriptor active_backup_mode;
extern const ModeDescriptor balance_xor_mode;
extern const ModeDescriptor broadcast_mode;
extern const ModeDescriptor ieee8023ad_mode;
extern const ModeDescriptor balance_tlb_mode;
extern const ModeDescriptor balance_alb_mode;
extern const ModeDescriptor balance_spray_mode;

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/registry.hpp"

#include <array>

namespace dpdkbond {

std::span<const ModeDescriptor* const> mode_registry() {
    static constexpr std::array<const ModeDescriptor*, kModeCount> modes{
        &balance_rr_mode, &active_backup_mode, &balance_xor_mode, &broadcast_mode,
        &ieee8023ad_mode, &balance_tlb_mode,   &balance_alb_mode, &balance_spray_mode};
    return modes;
}

const ModeDescriptor* find_mode(Mode mode) {
    for (const ModeDescriptor* d : mode_registry())
        if (d->number == mode) return d;
    return nullptr;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/registry.hpp"

#include <stdexcept>
#include <vector>

namespace dpdkbond {

namespace {

std::vector<const ModeDescriptor*>& registry() {
    static std::vector<const ModeDescriptor*> modes{&balance_rr_mode,  &active_backup_mode, &balance_xor_mode,
                                                    &broadcast_mode,   &ieee8023ad_mode,    &balance_tlb_mode,
                                                    &balance_alb_mode, &balance_spray_mode};
    return modes;
}

} // namespace

std::span<const ModeDescriptor* const> mode_registry() { return registry(); }

const ModeDescriptor* find_mode(Mode mode) {
    for (const ModeDescriptor* d : registry())
        if (d->number == mode) return d;
    return nullptr;
}

void add_mode(const ModeDescriptor& mode) {
    if (mode.def == nullptr || mode.def->mode != mode.number)
        throw std::invalid_argument("a mode without a row of its own");
    add_mode(*mode.def);
    registry().push_back(&mode);
}

} // namespace dpdkbond

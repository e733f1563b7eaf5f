// SPDX-License-Identifier: BSD-3-Clause
#include "config/section.hpp"

#include <algorithm>
#include <array>

namespace dpdkbond {

std::span<const ModeSection* const> mode_sections() {
    static constexpr std::array sections{&spray_section};
    return sections;
}

const ModeSection* section_of(Mode mode) {
    const std::string_view name = mode_def(mode).section;
    for (const ModeSection* s : mode_sections())
        if (s->name == name) return s;
    return nullptr;
}

const ModeDef& mode_of(const ModeSection& section) {
    return *std::ranges::find(mode_table(), section.name, &ModeDef::section);
}

} // namespace dpdkbond

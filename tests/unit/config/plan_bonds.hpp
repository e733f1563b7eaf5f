// SPDX-License-Identifier: BSD-3-Clause
// Bonds for the tests of a reload's plan and of what carries it out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "options/model.hpp"

namespace dpdkbond {

inline BondConfig bond(const std::string& name, std::vector<MemberConfig> members) {
    BondConfig b;
    b.name = name;
    b.mode = Mode::active_backup;
    b.members = std::move(members);
    return b;
}

} // namespace dpdkbond

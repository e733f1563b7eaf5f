// SPDX-License-Identifier: BSD-3-Clause
#include "ops/overview.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace dpdkbond {

std::string overview_line(std::span<const BondView> bonds) {
    std::string line;
    for (const BondView& bond : bonds) {
        const auto usable =
            std::ranges::count_if(bond.members, [](const MemberView& m) { return m.status.usable; });
        fmt::format_to(std::back_inserter(line), "{}{} {} ({} of {} members)", line.empty() ? "" : ", ",
                       bond.status.name.view(), bond.status.link_up ? "up" : "down", usable,
                       bond.members.size());
    }
    return line.empty() ? "no bonds" : line;
}

} // namespace dpdkbond

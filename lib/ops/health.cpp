// SPDX-License-Identifier: BSD-3-Clause
#include "ops/health.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

std::string why(const BondView& view) {
    const BondStatus& s = view.status;
    if (s.health == Health::ok) return {};
    if (view.logical.known && !view.logical.up) return "the logical interface is set down";
    if (s.members.empty()) return "it has no members";
    const auto usable = std::ranges::count_if(s.members, &MemberStatus::usable);
    std::string text = usable == 0 ? std::string("no member usable")
                                   : fmt::format("{} of {} members usable", usable, s.members.size());
    for (const MemberStatus& m : s.members)
        if (!m.usable)
            text += fmt::format("; {}: {}", m.name.view(),
                                m.objection.empty() ? "not chosen by the mode" : m.objection.view());
    return text;
}

} // namespace

HealthView health_of(const BondView& view) {
    return {view.status.health, wall_ns(view.status.health_since), why(view)};
}

std::string health_text(const HealthView& health) {
    return fmt::format("{} since {}{}{}", health_name(health.state), utc_text(health.since_ns),
                       health.why.empty() ? "" : ": ", health.why);
}

} // namespace dpdkbond

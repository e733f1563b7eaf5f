// SPDX-License-Identifier: BSD-3-Clause
#include "ops/health.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

std::string why(const BondView& view) {
    if (view.status.health == Health::ok) return {};
    if (view.logical.gone) return "the logical interface has been deleted; a reload makes it again";
    if (view.logical.known && !view.logical.up) return "the logical interface is set down";
    if (view.members.empty()) return "it has no members";
    const auto usable =
        std::ranges::count_if(view.members, [](const MemberView& m) { return m.status.usable; });
    std::string text = usable == 0 ? std::string("no member usable")
                                   : fmt::format("{} of {} members usable", usable, view.members.size());
    if (usable != 0 && view.status.health == Health::down)
        text += fmt::format("; fewer ports than min_links, which is {}", view.options.min_links);
    // 802.3ad then sends by one port all the same, as Linux does; the others' reasons name only themselves.
    if (usable != 0 && view.lacp && view.lacp->partner_system.is_zero())
        text += "; no partner answers on any";
    for (const MemberView& m : view.members)
        if (!m.status.usable)
            text += fmt::format("; {}: {}", m.status.name.view(),
                                m.status.objection.empty() ? "not chosen by the mode"
                                                           : m.status.objection.view());
    return text;
}

} // namespace

HealthView health_of(const BondView& view) {
    return {view.status.health, wall_ns(view.status.health_since), why(view)};
}

std::string short_why(const std::string& why, std::size_t room) {
    if (why.size() <= room) return why;
    const std::size_t end = why.rfind("; ", room - kMoreReasons.size());
    return why.substr(0, end == std::string::npos ? 0 : end) + std::string(kMoreReasons);
}

std::string health_text(const HealthView& health) {
    return fmt::format("{} since {}{}{}", health_name(health.state), utc_text(health.since_ns),
                       health.why.empty() ? "" : ": ", health.why);
}

} // namespace dpdkbond

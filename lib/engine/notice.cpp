// SPDX-License-Identifier: BSD-3-Clause
#include "engine/notice.hpp"

#include <fmt/format.h>

namespace dpdkbond {

std::string event_text(std::string_view bond, const Event& e) {
    return fmt::format("{}{}{}: {}{}{}", bond, e.member.empty() ? "" : " ", e.member.view(),
                       event_name(e.kind), e.detail.empty() ? "" : ": ", e.detail.view());
}

LogEntry log_entry_of(std::string_view bond, const Event& e) {
    LogEntry out;
    out.text = event_text(bond, e);
    out.fields = {{"bond", std::string(bond)}, {"event", std::string(event_name(e.kind))}};
    if (!e.member.empty()) out.fields.emplace_back("member", e.member.str());
    if (!e.detail.empty()) out.fields.emplace_back("detail", e.detail.str());
    switch (e.kind) {
    case EventKind::option_changed:
    case EventKind::mode_changed:
    case EventKind::member_added:
    case EventKind::member_removed:
    case EventKind::reloaded: return out;
    case EventKind::warning: out.kind = out.text; return out;
    default: out.kind = fmt::format("{} {} {}", bond, e.member.view(), event_name(e.kind)); return out;
    }
}

} // namespace dpdkbond

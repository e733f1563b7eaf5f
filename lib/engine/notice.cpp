// SPDX-License-Identifier: BSD-3-Clause
#include "engine/notice.hpp"

#include <fmt/format.h>

namespace dpdkbond {

std::string event_text(std::string_view bond, const Event& e) {
    return fmt::format("{}{}{}: {}{}{}", bond, e.member.empty() ? "" : " ", e.member.view(),
                       event_name(e.kind), e.detail.empty() ? "" : ": ", e.detail.view());
}

namespace {

// Redundancy, or the bond itself, is lost: what an operator wants to see who reads warnings only.
bool is_loss(EventKind kind) {
    switch (kind) {
    case EventKind::bond_down:
    case EventKind::member_down:
    case EventKind::flap_suppressed:
    case EventKind::lacp_no_partner:
    case EventKind::path_down: return true;
    default: return false;
    }
}

} // namespace

LogEntry log_entry_of(std::string_view bond, const Event& e) {
    LogEntry out;
    out.text = event_text(bond, e);
    out.is_warning = is_loss(e.kind);
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

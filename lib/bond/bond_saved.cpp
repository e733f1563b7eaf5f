// SPDX-License-Identifier: BSD-3-Clause
// A warm restart: what a bond leaves to the next instance's, and how that carries on from there.
#include <algorithm>

#include <fmt/format.h>

#include "bond/bond.hpp"

namespace dpdkbond {

std::string why_cold(const Saved& bond, Mode mode, std::span<const MemberInfo> members) {
    if (const auto was = bond.text("mode"); was != mode_name(mode))
        return fmt::format("its mode was {} and is {}", was.value_or("another"), mode_name(mode));
    for (const Saved& s : bond.sections()) {
        if (s.kind() != "member") continue;
        const auto is =
            std::ranges::find_if(members, [&](const MemberInfo& m) { return m.name == s.label(); });
        if (is == members.end()) return fmt::format("member {} is not there any more", s.label());
        if (is->perm_mac != s.mac("permanent"))
            return fmt::format("member {} is another device: its own MAC was {} and is {}", s.label(),
                               s.mac("permanent").to_string(), is->perm_mac.to_string());
    }
    return {};
}

void Bond::speak_before_leaving(Time now) {
    mode_.controller->speak_before_leaving(now);
    settle(now);
}

void Bond::save(Saved& out) const {
    out.put("mode", mode_name(mode_.mode));
    out.put("mac", mac_);
    out.put("up", link_up_);
    if (const Member* m = member(active_)) out.put("active", m->info.name.view());
    out.put("had_active", had_active_);
    out.put("failovers", failovers_);
    out.put("primary", std::string_view(options_.primary));
    out.put("first_choice_pending", first_choice_pending_);
    for (const Member& m : members_) {
        if (m.dismissed) continue;
        Saved& s = out.add("member", m.info.name.view());
        s.put("id", unsigned{m.id.value});
        s.put("permanent", m.info.perm_mac);
        s.put("device", m.info.device.view());
        s.put("ifindex", m.info.ifindex);
        s.put("wears", macs_.worn_by(m.id));
        s.put("link_admin_down", m.admin_down);
        s.put("up", m.was_up);
        s.put("link", static_cast<unsigned>(m.monitor.state()));
        s.put("link_deadline", m.monitor.deadline());
        s.put("probing_down", prober_.on() && !prober_.up(m.id));
        s.put("sends", decision_.may_send.has(m.id));
        s.put("has_sent", m.has_sent);
        s.put("usable_since", m.usable_since);
        s.put("link_failures", m.link_failures);
        s.put("last_objection", m.last_objection.view());
        s.put("flaps_penalty", static_cast<std::uint64_t>(m.damping.last_penalty()));
        s.put("flaps_at", m.damping.at());
        s.put("flaps_suppressed", m.damping.suppressed());
    }
    mode_.controller->save(out.add("mode_state"));
}

void Bond::restore(const Saved& saved, Time now) {
    before_ = std::make_unique<Saved>(saved);
    if (mac_.is_zero()) {
        mac_ = saved.mac("mac");
        macs_.set_bond(mac_);
        mode_.controller->set_mac(mac_, now);
    }
    if (const Saved* state = saved.find("mode_state")) mode_.controller->restore(*state, now);
}

// What is known of a member of this name that was there before.
const Saved* Bond::known(std::string_view name) const {
    return before_ ? before_->find("member", name) : nullptr;
}

Result<Mac> Bond::mac_to_join(const Mac& permanent, std::string_view name) const {
    const Saved* was = known(name);
    if (was != nullptr && was->mac("wears").is_valid_unicast()) return was->mac("wears");
    return macs_.to_join(permanent);
}

// Those of members that are to come back stay free for them.
MemberId Bond::free_id(std::string_view name) const {
    MemberSet taken, kept;
    for (const Member& m : members_) taken.add(m.id);
    for (std::size_t i = 0; before_ && i < before_->sections().size(); ++i) {
        const Saved& s = before_->sections()[i];
        const auto number = s.kind() == "member" ? s.number<std::uint8_t>("id") : std::nullopt;
        if (!number || *number >= kMaxMembers || taken.has(MemberId{*number})) continue;
        if (s.label() == name) return MemberId{*number};
        kept.add(MemberId{*number});
    }
    const MemberSet free = MemberSet::all() - taken, unclaimed = free - kept;
    return unclaimed.empty() ? free.first() : unclaimed.first();
}

void Bond::resume_member(Member& m, const Saved& s) {
    m.admin_down = s.flag("link_admin_down");
    m.was_up = m.was_alive = s.flag("up");
    m.has_sent = s.flag("has_sent");
    m.was_usable = s.flag("sends");
    m.usable_since = s.time("usable_since", Time{});
    m.link_failures = s.number<std::uint32_t>("link_failures", 0);
    m.last_objection = s.text("last_objection").value_or("");
    m.damping.resume(s.number<std::uint32_t>("flaps_penalty", 0), s.time("flaps_at", Time{}),
                     s.flag("flaps_suppressed"));
    const auto state = s.number<std::uint8_t>("link", 0);
    if (monitored() && state <= static_cast<std::uint8_t>(LinkMonitor::State::going_back))
        m.monitor.resume(static_cast<LinkMonitor::State>(state), s.time("link_deadline", kNever));
}

void Bond::resume(Time now) {
    if (!before_) return;
    const std::unique_ptr<Saved> was = std::move(before_);
    for (Member& m : members_) {
        const Saved* s = was->find("member", m.info.name.view());
        prober_.monitor().set_link(m.id, m.link.carrier && !m.admin_down, now);
        if (s == nullptr) continue;
        if (s->flag("probing_down")) prober_.monitor().call_down(m.id, now);
        if (monitored()) (void)m.monitor.handle_carrier(m.link.carrier, now, delays());
        if (s->flag("sends")) decision_.may_send.add(m.id);
    }
    link_up_ = was->flag("up");
    had_active_ = was->flag("had_active");
    failovers_ = was->number<std::uint64_t>("failovers", 0);
    first_choice_pending_ = first_choice_pending_ && was->flag("first_choice_pending");
    active_ = find(was->text("active").value_or(""));
    if (active_ != kNoMember) {
        macs_.set_active(active_);
        prober_.monitor().set_active(active_, now);
    }
    const bool same_primary = was->text("primary") == std::string_view(options_.primary);
    choose_active_ = !same_primary;
    primary_is_new_ = primary_is_new_ && !same_primary;
    reselect_ = changed_ = true;
    mode_.controller->resume(now);
    settle(now);
}

} // namespace dpdkbond

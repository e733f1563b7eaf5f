// SPDX-License-Identifier: BSD-3-Clause
// What follows from an input: the decision of the mode, MACs, moves of flows, announcements.
#include "bond/bond.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace dpdkbond {

namespace {

constexpr Duration ms(std::uint32_t n) { return std::chrono::milliseconds(n); }
constexpr Duration kReportDistance = std::chrono::milliseconds(200); // Linux's

} // namespace

// Takes over the bond's MAC when the members' MACs have changed it (MemberMacs::bond()).
void Bond::follow_macs(Time now) {
    if (macs_.bond() == mac_) return;
    mac_ = macs_.bond();
    raise(EventKind::mac_changed, nullptr, mac_.to_string(), now);
    mode_.controller->set_mac(mac_, now);
    changed_ = true;
}

// The member's device wears what it should.
void Bond::show_mac(Member& m) {
    const Mac worn = macs_.worn_by(m.id);
    if (m.dismissed || m.shown == worn) return;
    // A switch learns by these where a MAC went, whoever speaks next.
    if (macs_.distinct() && is_up(m) && !m.shown.is_zero() && worn.is_valid_unicast())
        for (const VlanTags& tags : tag_sets(addresses_)) queue(learning_frame(m.id, worn, tags));
    m.shown = worn;
}

void Bond::macs_applied(std::uint64_t version, Time now) {
    macs_.applied(version);
    if (macs_.pending()) return;
    for (Member& m : members_) show_mac(m);
    settle(now);
}

void Bond::settle(Time now) {
    if (before_) return;
    // Linux skips updelay when no member is usable: the first that has carrier is better than none.
    const bool any_up =
        std::any_of(members_.begin(), members_.end(), [&](const Member& m) { return is_up(m); });
    if (!any_up)
        for (Member& m : members_)
            if (!m.admin_down && !m.dismissed && m.monitor.skip_updelay()) break;
    for (const Member& m : members_)
        prober_.monitor().set_link(m.id, m.link.carrier && !m.admin_down && !m.dismissed, now);
    do {
        hold_out_flapping(now);
    } while (report_verdicts(now));
    for (Member& m : members_) tell_link(m, now);
    hear_controller();
    reselect_ |= mode_.controller->take_changed();
    const bool decides = std::exchange(reselect_, false);
    if (decides) decide(now);
    if (decides || arranged_ != macs_.version()) arrange(now);
    if ((move_.asking() && mode_.controller->all_arrived()) || now >= move_.deadline()) {
        move_.finish();
        end_move(now);
    }
    changed_ |= mode_.controller->take_redrawn();
    note_health(now);
    const std::uint32_t watch = options_.miimon != 0 ? options_.miimon : options_.arp_interval;
    const std::uint32_t gap = options_.peer_notif_delay != 0 ? options_.peer_notif_delay : watch;
    if (macs_.pending()) return;
    if (!announcers().empty()) announcer_.handle_timeout(now, ms(std::max(gap, 1U)), announcers());
    if (reports_.take(now, kReportDistance)) ++report_wishes_;
}

void Bond::look_at_members() {
    view_.clear();
    for (const Member& m : members_)
        view_.push_back(
            {m.id, is_up(m), m.info.options.prio, m.link.speed_mbps, m.link.duplex, macs_.worn_by(m.id)});
}

// What follows for the mode from its decision and from the MACs.
void Bond::arrange(Time now) {
    changed_ |= arranged_ != macs_.version(); // the status names MACs
    arranged_ = macs_.version();
    look_at_members();
    mode_.controller->arrange({view_, active_, mac_, now});
}

void Bond::decide(Time now) {
    look_at_members();
    const MemberId primary = options_.primary.empty() ? kNoMember : find(options_.primary);
    if (first_choice_pending_ && mode_.controller->has_active()) {
        const Member* first = member(find(options_.active_slave));
        if (first != nullptr && is_up(*first)) {
            wanted_active_ = first->id;
            first_choice_pending_ = false;
            choose_active_ = true;
        }
    }
    MemberId current = active_;
    bool forced = primary_is_new_;
    MemberId preferred = primary;
    if (wanted_active_ != kNoMember) { // the operator's word, once: as a primary that has just been named
        preferred = wanted_active_;
        forced = true;
        wanted_active_ = kNoMember;
    }
    const Member* active = member(active_);
    if (!std::exchange(choose_active_, false) && active != nullptr && is_up(*active)) {
        preferred = active_; // nothing has happened that would make it another
        forced = true;
    }
    Decision next =
        mode_.controller->decide({{view_.begin(), view_.size()}, options_, current, preferred, forced, now});
    if (carried_until_ != kNever) carry_on(next, {view_.begin(), view_.size()}, now);
    const Member* p = member(primary);
    if (p != nullptr && is_up(*p)) primary_is_new_ = false;

    const bool more_send = !(next.may_send - decision_.may_send).empty();
    changed_ |= next.active != active_ || next.may_send != decision_.may_send ||
                next.usable != decision_.usable || next.may_receive != decision_.may_receive;
    note_failover(decision_.may_send, next.may_send);
    decision_ = next;
    plan_move(now);
    if (next.active != active_) become_active(next.active, now);
    if (more_send && mode_.controller->announces_members()) announcer_.start(options_.num_grat_arp, now);

    const bool up = next.carrier.value_or(!next.may_send.empty());
    if (up == link_up_) return;
    link_up_ = up;
    changed_ = true;
    const char* why = next.may_send.empty() ? "no usable member" : "fewer ports than min_links";
    raise(up ? EventKind::bond_up : EventKind::bond_down, nullptr, up ? "" : why, now);
}

// While a new mode does not know yet which members may send, those that did in the mode before still do.
void Bond::carry_on(Decision& next, std::span<const Candidate> members, Time now) {
    MemberSet here, still;
    for (const Candidate& c : members) {
        here.add(c.id);
        if (c.up && before_mode_.may_send.has(c.id)) still.add(c.id);
    }
    // The one that did may have gone meanwhile: then another one that is up.
    if (!before_mode_.may_send.empty() && still.empty())
        if (const auto up = std::ranges::find_if(members, &Candidate::up); up != members.end())
            still.add(up->id);
    if (!next.may_send.empty() || still.empty() || now >= carried_until_) {
        carried_until_ = kNever;
        return;
    }
    next.usable = next.may_send = still;
    next.may_receive |= (before_mode_.may_receive & here) | still;
    next.active = still.has(before_mode_.active) ? before_mode_.active : still.first();
    next.carrier = link_up_;
}

void Bond::plan_move(Time now) {
    FixedVec<MemberId, kMaxMembers> all;
    // A member that has not sent anything yet takes no part in the table: its joining moves no flow.
    for (Member& m : members_) {
        m.has_sent |= decision_.may_send.has(m.id);
        if (m.has_sent) all.push_back(m.id);
    }
    const bool was_under_way = move_.under_way();
    move_.plan(make_bucket_map({all.begin(), all.size()}, decision_.may_send), mode_.tx_burst,
               mode_.controller->flow_means(), now);
    if (was_under_way && !move_.under_way()) end_move(now);
}

void Bond::handle_published(Time now) {
    if (changed_) return; // the workers' snapshot is out of date already
    const MemberSet ask = move_.workers_follow();
    if (ask.empty()) return;
    mode_.controller->ask_arrival(ask, move_.deadline(), now);
    settle(now);
}

void Bond::end_move(Time now) {
    const Duration took = now - move_.began();
    changed_ = true;
    if (move_.buckets() == 0) return;
    raise(EventKind::flows_moved, nullptr,
          fmt::format("{} buckets after {:.1f} ms{}", move_.buckets(),
                      std::chrono::duration<double, std::milli>(took).count(),
                      took < FlowMove::kLimit ? "" : ", not all has been acknowledged"),
          now);
}

// Members that may send no more are lost; that matters once others send in their place.
void Bond::note_failover(MemberSet before, MemberSet after) {
    lost_senders_ |= before - after;
    if (lost_senders_.empty() || after.empty()) return;
    failover_ = {failover_.number + 1, std::exchange(lost_senders_, {}), after};
}

void Bond::handle_gap(const FailoverGap& gap, Time now) {
    const auto ms_of = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
    const auto in_words = [&](std::optional<Duration> d) {
        return d ? fmt::format("{:.3f} ms", ms_of(*d)) : std::string("unknown");
    };
    gaps_.add(gap);
    changed_ = true;
    raise(EventKind::failover_gap, member(active_),
          fmt::format("{:.3f} ms without frames (received {}, sent {})", ms_of(gap.longest()),
                      in_words(gap.received), in_words(gap.sent)),
          now);
}

void Bond::become_active(MemberId id, Time now) {
    const Member* was = member(active_);
    active_ = id;
    prober_.monitor().set_active(id, now);
    const Member* is = member(id);
    macs_.set_active(id);
    if (mode_.controller->has_active())
        raise(EventKind::active_changed, is, was != nullptr ? "was " + was->info.name.str() : "was none",
              now);
    follow_macs(now);
    if (mode_.controller->announces()) announcer_.start(is != nullptr ? options_.num_grat_arp : 0, now);
    start_reports(now);
    if (is == nullptr) return;
    if (had_active_ && mode_.controller->has_active()) ++failovers_;
    had_active_ = true;
}

void Bond::start_reports(Time now) {
    static const OptionDef& resend_igmp = *find_option("resend_igmp");
    const bool reports = active_ != kNoMember && works_in(mode_.mode, resend_igmp);
    reports_.start(reports ? options_.resend_igmp : 0, now);
}

// At which MAC the bond's addresses are reached: the active member's own, or the bond's.
Mac Bond::announced_mac(MacPolicy policy) const {
    const Member* active = member(active_);
    const bool own = policy == MacPolicy::own || policy == MacPolicy::active;
    return own && active != nullptr && !active->info.perm_mac.is_zero() ? active->info.perm_mac : mac_;
}

MemberSet Bond::announcers() const {
    if (mode_.controller->announces_members()) return decision_.may_send;
    return {active_};
}

} // namespace dpdkbond

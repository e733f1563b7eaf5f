// SPDX-License-Identifier: BSD-3-Clause
// Who belongs to a bond, and what it is told.
#include "bond/bond.hpp"

#include <algorithm>

namespace dpdkbond {

Bond::Bond(std::string_view name, ModeParts mode, const BondOptions& options, std::optional<Mac> mac,
           std::uint32_t mtu)
    : name_(name), mode_(mode), options_(options), mac_(mac.value_or(Mac{})), mtu_(mtu),
      first_choice_pending_(!options.active_slave.empty()) {
    macs_.set_bond(mac_);
    join_controller(Time{});
    prober_.set_options(options, mode.controller->has_active(), Time{});
}

Bond::Member* Bond::member(MemberId id) {
    for (Member& m : members_)
        if (m.id == id) return &m;
    return nullptr;
}

const Bond::Member* Bond::member(MemberId id) const { return const_cast<Bond*>(this)->member(id); }

bool Bond::has_member(MemberId id) const { return member(id) != nullptr; }

MemberId Bond::find(std::string_view name) const {
    for (const Member& m : members_)
        if (m.info.name == name) return m.id;
    return kNoMember;
}

Result<MemberId> Bond::add_member(const MemberInfo& info, LinkState link, Time now, MemberId before) {
    if (members_.full()) return Error{"a bond has at most " + std::to_string(kMaxMembers) + " members"};
    const auto wears = mac_to_join(info.perm_mac, info.name.view());
    if (!wears) return Error{wears.error()};
    Member m;
    m.id = free_id(info.name.view());
    m.info = info;
    m.link = link;
    m.link_failures = info.link_failures;
    m.monitor.start(link.carrier, now, delays());
    if (const Saved* was = known(info.name.view())) resume_member(m, *was);
    // The first member lends the bond its address (Linux's rule for every mode) unless one was given. Members
    // like rings have none to lend.
    if (mac_.is_zero() && info.perm_mac.is_valid_unicast()) {
        mac_ = info.perm_mac;
        macs_.set_bond(mac_);
        mode_.controller->set_mac(mac_, now);
    }
    macs_.join(m.id, info.perm_mac, wears.value());
    m.shown = wears.value();
    const auto next = std::ranges::find(members_, before, &Member::id);
    (void)members_.insert_at(static_cast<std::size_t>(next - members_.begin()), m);
    prober_.monitor().join(m.id, now);
    mode_.controller->member_joined({m.id, info.perm_mac, info.options, info.name.view()}, now);
    if (options_.primary == info.name.view()) primary_is_new_ = true;
    reselect_ = choose_active_ = true;
    raise(EventKind::member_added, &m, info.device, now);
    if (members_.size() == 1) warn_if_unwatched({}, now);
    settle(now);
    return m.id;
}

void Bond::remove_member(MemberId id, Time now) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].id != id) continue;
        if (!members_[i].dismissed) mode_.controller->member_left(id, now);
        hear_controller(); // while its name is known
        raise(EventKind::member_removed, &members_[i], "", now);
        if (members_.size() > 1 && !mac_.is_zero() && members_[i].info.perm_mac == mac_)
            raise(EventKind::warning, &members_[i],
                  "its own address stays the bond's: give it another before it is used on the same network",
                  now);
        members_.erase_at(i);
        prober_.monitor().leave(id);
        macs_.forget(id);
        break;
    }
    reselect_ = true;
    changed_ = true;
    settle(now);
}

void Bond::dismiss_member(MemberId id, Time now) {
    Member* m = member(id);
    if (m == nullptr || m->dismissed) return;
    dismiss(*m, now);
    settle(now);
}

void Bond::dismiss_all(Time now) {
    for (Member& m : members_)
        if (!m.dismissed) dismiss(m, now);
    settle(now);
}

void Bond::dismiss(Member& m, Time now) {
    m.dismissed = true;
    m.was_up = m.was_alive = false; // it leaves by command: no link failure to count
    mode_.controller->member_left(m.id, now);
    macs_.leave(m.id);
    reselect_ = true;
    changed_ = true;
}

void Bond::handle_frame(MemberId id, Bytes frame, Time now) {
    const Member* m = member(id);
    if (id != kNoMember) {
        if (m == nullptr || m->dismissed) return;
        prober_.handle_frame(id, frame, now);
    }
    mode_.controller->handle_frame(id, frame, now);
    settle(now);
}

void Bond::handle_link(MemberId id, LinkState link, Time now) {
    Member* m = member(id);
    if (m == nullptr || m->link == link) return;
    const bool carrier_changed = m->link.carrier != link.carrier;
    m->link = link;
    reselect_ = changed_ = true; // a speed has its weight, too
    if (carrier_changed) {
        raise(link.carrier ? EventKind::carrier_up : EventKind::carrier_down, m, "", now);
        if (monitored() && m->monitor.handle_carrier(link.carrier, now, delays())) {
            if (m->monitor.state() == LinkMonitor::State::going_down)
                raise(EventKind::going_down, m, std::to_string(options_.downdelay) + " ms", now);
            if (m->monitor.state() == LinkMonitor::State::going_back)
                raise(EventKind::going_up, m, std::to_string(options_.updelay) + " ms", now);
        }
    }
    settle(now);
}

void Bond::handle_timeout(Time now) {
    bool due = now >= announcer_.deadline() || now >= reports_.deadline() || now >= move_.deadline();
    if (now >= carried_until_) due = reselect_ = true;
    if (now >= count_until_) count_flows(nullptr, kNever);
    for (Member& m : members_) due |= m.monitor.handle_timeout(now) || now >= m.damping.deadline();
    prober_.heed_addresses(now);
    if (now >= prober_.monitor().next_deadline()) {
        prober_.monitor().handle_timeout(now);
        due = true;
    }
    if (now >= mode_.controller->next_deadline()) {
        mode_.controller->handle_timeout(now);
        due = true;
    }
    if (due) settle(now);
}

void Bond::handle_load(const LoadTotals& totals, Time now) {
    mode_.controller->handle_load(totals, now);
    settle(now);
}

void Bond::count_flows(TxBurstFn by, Time until) {
    changed_ |= counting_ != by;
    counting_ = by;
    count_until_ = until;
}

bool Bond::set_link_admin(MemberId id, bool up, Time now) {
    Member* m = member(id);
    if (m == nullptr || m->admin_down == !up) return false;
    m->admin_down = !up;
    changed_ = true;
    settle(now);
    return true;
}

Result<void> Bond::set_active(std::string_view name, Time now) {
    if (!mode_.controller->has_active()) return Error{"this mode has no active member to choose"};
    first_choice_pending_ = false;
    if (!name.empty()) {
        const MemberId id = find(name);
        const Member* m = member(id);
        if (m == nullptr) return Error{"no member of that name"};
        if (!is_up(*m)) return Error{"that member is down"};
        wanted_active_ = id;
    } else {
        active_ = kNoMember;
    }
    reselect_ = choose_active_ = true;
    settle(now);
    return {};
}

void Bond::set_options(const BondOptions& options, TxBurstFn tx_burst, Time now, std::string_view named) {
    const bool names_primary = named == "primary" || options.primary != options_.primary;
    if (names_primary && !options.primary.empty()) primary_is_new_ = true;
    // Linux looks for another active member only when one of these is set, to the value that it has too: an
    // operator's choice outlives other options.
    choose_active_ |=
        names_primary || named == "primary_reselect" || options.primary_reselect != options_.primary_reselect;
    const bool was_monitored = monitored();
    const std::string_view was_unwatched = unwatched();
    options_ = options;
    mode_.tx_burst = tx_burst;
    count_flows(nullptr, kNever);
    if (monitored() && !was_monitored)
        for (Member& m : members_) m.monitor.start(m.link.carrier, now, LinkMonitor::Delays{});
    prober_.set_options(options, mode_.controller->has_active(), now);
    warn_if_unwatched(was_unwatched, now);
    mode_.controller->set_options(options, now);
    macs_.set_policy(mode_.controller->mac_policy(options));
    follow_macs(now);
    reselect_ = true;
    changed_ = true;
    settle(now);
}

void Bond::set_member_options(MemberId id, const MemberOptions& options, Time now) {
    if (Member* m = member(id)) {
        choose_active_ |= m->info.options.prio != options.prio;
        m->info.options = options;
        if (!m->dismissed) mode_.controller->set_member_options(id, options, now);
    }
    reselect_ = true;
    changed_ = true;
    settle(now);
}

void Bond::set_mode(ModeParts mode, const BondOptions& options, Time now) {
    raise(EventKind::mode_changed, nullptr, mode_name(mode.mode), now);
    mode_.controller->farewell(announced_mac(mode.controller->mac_policy(options)), now);
    hear_controller();
    for (Transmit last; mode_.controller->poll_transmit(last);) queue(last);
    lost_.no_room += mode_.controller->frames_lost(); // the next one counts for itself
    mode_ = mode;
    choose_active_ = true;
    const Duration start_up = mode.controller->start_up(options);
    before_mode_ = decision_;
    carried_until_ = start_up != Duration{} && !decision_.may_send.empty() ? now + start_up : kNever;
    join_controller(now);
    set_options(options, mode.tx_burst, now);
    // Members may wear other MACs from now on, and the switch may have learnt the bond's at any of them: once
    // the devices show what they should, neighbours and switch are told, even if the active member is the
    // same.
    announcer_.start(std::max<unsigned>(options.num_grat_arp, 1), now);
    if (active_ != kNoMember) start_reports(now);
    settle(now);
}

// What the controller of a mode that is new to the bond has to know first. Links follow in settle().
void Bond::join_controller(Time now) {
    Controller& c = *mode_.controller;
    c.set_options(options_, now);
    c.set_mac(mac_, now);
    c.set_addresses(addresses_);
    macs_.set_policy(c.mac_policy(options_));
    for (Member& m : members_) {
        m.told.reset();
        if (m.dismissed) continue;
        c.member_joined({m.id, m.info.perm_mac, m.info.options, m.info.name.view()}, now);
    }
}

void Bond::hear_controller() {
    for (ControllerEvent e; !events_.full() && mode_.controller->poll_event(e);)
        raise(e.kind, member(e.member), e.detail, e.at);
}

void Bond::set_mac(const Mac& mac, Time now) {
    macs_.set_bond(mac);
    follow_macs(now);
    settle(now);
}

void Bond::set_filter(const RxFilter& filter, Time now) {
    if (filter == filter_) return;
    if (filter.up != filter_.up)
        raise(filter.up ? EventKind::logical_up : EventKind::logical_down, nullptr, "set by an administrator",
              now);
    filter_ = filter;
    prober_.monitor().set_paused(!filter.up);
    changed_ = true;
    settle(now);
}

void Bond::set_sorts_itself(MemberId id, bool yes) {
    Member* m = member(id);
    if (m == nullptr || m->info.data.sorts_itself == yes) return;
    m->info.data.sorts_itself = yes;
    changed_ = true;
}

void Bond::set_mtu(std::uint32_t mtu, Time) {
    changed_ |= mtu_ != mtu;
    mtu_ = mtu;
}

Time Bond::next_deadline() const {
    Time next = std::min({mode_.controller->next_deadline(), move_.deadline(), carried_until_, count_until_});
    if (!macs_.pending()) next = std::min(next, reports_.deadline());
    if (!macs_.pending() && !announcers().empty()) next = std::min(next, announcer_.deadline());
    next = std::min(next, prober_.monitor().next_deadline());
    for (const Member& m : members_) next = std::min({next, m.monitor.deadline(), m.damping.deadline()});
    return next;
}

} // namespace dpdkbond

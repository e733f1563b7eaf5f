// SPDX-License-Identifier: BSD-3-Clause
#include "bond/bond.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dpdkbond {

namespace {

constexpr bool has(std::uint32_t mask, MemberId id) { return (mask >> id.value & 1U) != 0; }
constexpr Duration ms(std::uint32_t n) { return std::chrono::milliseconds(n); }
constexpr Duration kReportDistance = std::chrono::milliseconds(200); // Linux's

MiiStatus mii_of(LinkMonitor::State s) { return static_cast<MiiStatus>(s); }

} // namespace

Bond::Bond(std::string_view name, ModeParts mode, const BondOptions& options, std::optional<Mac> mac,
           std::uint32_t mtu)
    : name_(name), mode_(mode), options_(options), mac_(mac.value_or(Mac{})), mtu_(mtu) {
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

LinkMonitor::Delays Bond::delays() const { return {ms(options_.updelay), ms(options_.downdelay)}; }

DampingRules Bond::damping_rules() const {
    return {std::chrono::seconds(options_.damping_half_life), static_cast<double>(options_.damping_suppress),
            static_cast<double>(options_.damping_reuse)};
}

WatcherSet Bond::watching() const {
    WatcherSet set = prober_.watching();
    return set.add(Watcher::carrier, monitored()).add(Watcher::flapping, options_.damping_half_life != 0);
}

// Without a monitor a member counts as up, as in Linux: then nothing ever fails over.
WatcherSet Bond::objections(const Member& m) const {
    const bool no_carrier = monitored() && !m.monitor.up();
    WatcherSet set = no_carrier || m.admin_down ? WatcherSet{} : prober_.objections(m.id);
    return set.add(Watcher::carrier, no_carrier)
        .add(Watcher::by_hand, m.admin_down)
        .add(Watcher::flapping, m.held_out);
}

std::string Bond::describe(const Member& m, WatcherSet set) const {
    std::string text;
    const auto say = [&](std::string_view what) { text += (text.empty() ? "" : ", ") + std::string(what); };
    if (set.has(Watcher::carrier)) say(watcher_name(Watcher::carrier));
    if (set.has(Watcher::arp) || set.has(Watcher::ns)) say(prober_.describe(m.id));
    if (set.has(Watcher::flapping)) say(watcher_name(Watcher::flapping));
    if (set.has(Watcher::by_hand)) say(watcher_name(Watcher::by_hand));
    return text;
}

MiiStatus Bond::mii(const Member& m) const {
    if (m.admin_down) return MiiStatus::down;
    if (monitored() && !m.monitor.up()) return mii_of(m.monitor.state());
    if (prober_.on() && !prober_.up(m.id))
        return prober_.monitor().state(m.id) == ProbeMonitor::State::trial ? MiiStatus::going_back
                                                                           : MiiStatus::down;
    if (m.held_out) return MiiStatus::going_back;
    return monitored() ? mii_of(m.monitor.state()) : MiiStatus::up;
}

Result<MemberId> Bond::add_member(const MemberInfo& info, LinkState link, Time now) {
    if (members_.full()) return Error{"a bond has at most " + std::to_string(kMaxMembers) + " members"};
    const auto wears = macs_.to_join(info.perm_mac);
    if (!wears) return Error{wears.error()};
    std::uint32_t taken = 0;
    for (const Member& m : members_) taken |= 1U << m.id.value;
    Member m;
    m.id = MemberId{static_cast<std::uint8_t>(__builtin_ctz(~taken))};
    m.info = info;
    m.link = link;
    m.monitor.start(link.carrier, now, delays());
    // The first member lends the bond its address (Linux's rule for every mode) unless one was given. Members
    // like rings have none to lend.
    if (mac_.is_zero() && info.perm_mac.is_valid_unicast()) {
        mac_ = info.perm_mac;
        macs_.set_bond(mac_);
        mode_.controller->set_mac(mac_, now);
    }
    macs_.join(m.id, info.perm_mac, wears.value());
    members_.push_back(m);
    prober_.monitor().join(m.id, now);
    mode_.controller->member_joined({m.id, info.perm_mac, info.options}, now);
    tell_mac(members_.back(), now);
    if (options_.primary == info.name.view()) primary_is_new_ = true;
    reselect_ = choose_active_ = true;
    raise(EventKind::member_added, &m, info.device, now);
    if (members_.size() == 1) warn_of_monitoring(now);
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
    m->dismissed = true;
    m->was_up = m->was_alive = false; // it goes by command: no failure to count
    mode_.controller->member_left(id, now);
    macs_.leave(id);
    reselect_ = true;
    changed_ = true;
    settle(now);
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
    changed_ = true;
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

void Bond::set_link_admin(MemberId id, bool up, Time now) {
    Member* m = member(id);
    if (m == nullptr || m->admin_down == !up) return;
    m->admin_down = !up;
    settle(now);
}

Result<void> Bond::set_active(std::string_view name, Time now) {
    if (!mode_.controller->has_active()) return Error{"this mode has no active member to choose"};
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

void Bond::set_options(const BondOptions& options, TxBurstFn tx_burst, Time now) {
    if (options.primary != options_.primary && !options.primary.empty()) primary_is_new_ = true;
    const bool was_monitored = monitored();
    options_ = options;
    mode_.tx_burst = tx_burst;
    if (monitored() && !was_monitored)
        for (Member& m : members_) m.monitor.start(m.link.carrier, now, LinkMonitor::Delays{});
    prober_.set_options(options, mode_.controller->has_active(), now);
    warn_of_monitoring(now);
    mode_.controller->set_options(options, now);
    macs_.set_policy(mode_.controller->mac_policy(options));
    follow_macs(now);
    reselect_ = choose_active_ = true;
    changed_ = true;
    settle(now);
}

void Bond::warn_of_monitoring(Time now) {
    if (options_.arp_interval != 0 && !prober_.on())
        raise(EventKind::warning, nullptr,
              "arp_interval, but nobody to ask: only the carrier is watched; set arp_ip_target or "
              "ns_ip6_target",
              now);
}

void Bond::set_member_options(MemberId id, const MemberOptions& options, Time now) {
    if (Member* m = member(id)) {
        m->info.options = options;
        if (!m->dismissed) mode_.controller->set_member_options(id, options, now);
    }
    reselect_ = choose_active_ = true;
    changed_ = true;
    settle(now);
}

void Bond::set_mode(ModeParts mode, const BondOptions& options, Time now) {
    raise(EventKind::mode_changed, nullptr, mode_name(mode.mode), now);
    for (const Member& m : members_)
        if (!m.dismissed) mode_.controller->member_left(m.id, now);
    hear_controller();
    for (Transmit last; mode_.controller->poll_transmit(last);) frames_.push_back(last);
    announcer_.stop();
    reports_.stop();
    mode_ = mode;
    join_controller(now);
    set_options(options, mode.tx_burst, now);
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
        c.member_joined({m.id, m.info.perm_mac, m.info.options}, now);
        c.set_member_mac(m.id, m.told_mac, now);
    }
}

void Bond::tell_link(Member& m, Time now) {
    // A mode's protocol stops while the bond is down and starts afresh afterwards, as in Linux.
    const LinkState verdict{is_up(m) && filter_.up, m.link.speed_mbps, m.link.duplex};
    if (m.dismissed || m.told == verdict) return;
    m.told = verdict;
    mode_.controller->handle_link(m.id, verdict.carrier, verdict.speed_mbps, verdict.duplex, now);
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

// The bond's MAC is what the members' make it.
void Bond::follow_macs(Time now) {
    if (macs_.bond() == mac_) return;
    mac_ = macs_.bond();
    raise(EventKind::mac_changed, nullptr, mac_.to_string(), now);
    mode_.controller->set_mac(mac_, now);
    changed_ = true;
}

void Bond::tell_mac(Member& m, Time now) {
    const Mac worn = macs_.worn_by(m.id);
    if (m.dismissed || m.told_mac == worn) return;
    // A switch learns by these where a MAC went, whoever speaks next.
    if (macs_.distinct() && is_up(m) && !m.told_mac.is_zero())
        for (std::size_t n = 0;; ++n) {
            const OwnFrame frame = learning_frame(m.id, worn, addresses_, n);
            if (frame.length == 0 || !frames_.push_back(frame)) break;
        }
    m.told_mac = worn;
    changed_ = true;
    mode_.controller->set_member_mac(m.id, worn, now);
}

bool Bond::take_macs_changed() {
    const std::uint64_t version = macs_.version();
    return macs_.pending() && std::exchange(macs_told_, version) != version;
}

void Bond::macs_applied(std::uint64_t version, Time now) {
    macs_.applied(version);
    if (macs_.pending()) return;
    for (Member& m : members_) tell_mac(m, now);
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

void Bond::note(EventKind kind, MemberId id, std::string_view detail, Time now) {
    raise(kind, member(id), detail, now);
}

Time Bond::next_deadline() const {
    Time next = std::min(mode_.controller->next_deadline(), move_.deadline());
    if (!macs_.pending()) next = std::min({next, announcer_.deadline(), reports_.deadline()});
    next = std::min(next, prober_.monitor().next_deadline());
    for (const Member& m : members_) next = std::min({next, m.monitor.deadline(), m.damping.deadline()});
    return next;
}

void Bond::settle(Time now) {
    // Linux skips updelay when no member is usable: the first that has carrier is better than none.
    const bool any_up =
        std::any_of(members_.begin(), members_.end(), [&](const Member& m) { return is_up(m); });
    if (!any_up)
        for (Member& m : members_)
            if (!m.admin_down && m.monitor.skip_updelay()) break;
    for (const Member& m : members_)
        prober_.monitor().set_link(m.id, m.link.carrier && !m.admin_down && !m.dismissed, now);
    do {
        hold_out_flapping(now);
    } while (report_verdicts(now));
    for (Member& m : members_) tell_link(m, now);
    hear_controller();
    reselect_ |= mode_.controller->take_changed();
    if (std::exchange(reselect_, false)) decide(now);
    if ((move_.asking() && mode_.controller->all_arrived()) || now >= move_.deadline()) {
        move_.finish();
        end_move(now);
    }
    changed_ |= mode_.controller->take_redrawn();
    const std::uint32_t gap = options_.peer_notif_delay != 0 ? options_.peer_notif_delay : options_.miimon;
    if (macs_.pending()) return;
    announcer_.handle_timeout(now, ms(std::max(gap, 1U)), announcers());
    reports_wanted_ |= reports_.take(now, kReportDistance);
}

// A member that was lost too often is held out, unless no other would be left: then the one of them that was
// lost least is used all the same.
void Bond::hold_out_flapping(Time now) {
    const DampingRules rules = damping_rules();
    bool another = false;
    Member* least = nullptr;
    for (Member& m : members_) {
        if (m.damping.update(rules, now)) {
            const auto penalty = static_cast<std::uint32_t>(m.damping.penalty(rules, now));
            raise(m.damping.suppressed() ? EventKind::flap_suppressed : EventKind::flap_released, &m,
                  "penalty " + std::to_string(penalty), now);
            changed_ = true;
        }
        m.held_out = false;
        if (!is_up(m)) continue;
        another |= !m.damping.suppressed();
        const bool less =
            least == nullptr || m.damping.penalty(rules, now) < least->damping.penalty(rules, now);
        if (less) least = &m;
    }
    for (Member& m : members_) m.held_out = m.damping.suppressed() && (another || &m != least);
}

bool Bond::report_verdicts(Time now) {
    bool lost = false;
    for (Member& m : members_) {
        const WatcherSet objecting = m.dismissed ? WatcherSet{} : objections(m);
        changed_ |= objecting != m.objecting;
        m.objecting = objecting;
        // A loss counts whether the member was held out then or not.
        const bool alive = !m.dismissed && objecting.without(Watcher::flapping).empty();
        if (std::exchange(m.was_alive, alive) && !alive && !m.dismissed && !m.admin_down) {
            ++m.link_failures;
            m.damping.handle_loss(damping_rules(), now);
            lost = changed_ = true;
        }
        const bool up = is_up(m);
        if (up == m.was_up) continue;
        m.was_up = up;
        reselect_ = true;
        changed_ = true;
        // Linux looks for another active member only when this one is the active, or comes with more right.
        const Member* active = member(active_);
        choose_active_ |= up ? active == nullptr || options_.primary == m.info.name.view() ||
                                   m.info.options.prio > active->info.options.prio
                             : m.id == active_;
        if (up) {
            raise(EventKind::member_up, &m,
                  m.last_objection.empty() ? watcher_name(Watcher::carrier) : m.last_objection.view(), now);
            continue;
        }
        m.last_objection = describe(m, objecting);
        const bool mute =
            objecting.has(Watcher::arp) || objecting.has(Watcher::ns) ? prober_.monitor().mute(m.id) : false;
        raise(EventKind::member_down, &m, m.last_objection.str() + (mute ? " (nothing could be sent)" : ""),
              now);
    }
    return lost;
}

void Bond::decide(Time now) {
    FixedVec<Candidate, kMaxMembers> candidates;
    for (const Member& m : members_)
        candidates.push_back({m.id, is_up(m), m.info.options.prio, m.link.speed_mbps, m.link.duplex});
    const MemberId primary = options_.primary.empty() ? kNoMember : find(options_.primary);
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
    const Decision next = mode_.controller->decide(
        {{candidates.begin(), candidates.size()}, options_, current, preferred, forced, now});
    const Member* p = member(primary);
    if (p != nullptr && is_up(*p)) primary_is_new_ = false;

    const bool more_send = (next.may_send & ~decision_.may_send) != 0;
    changed_ |= next.active != active_ || next.may_send != decision_.may_send ||
                next.usable != decision_.usable || next.may_receive != decision_.may_receive;
    decision_ = next;
    plan_move(now);
    if (next.active != active_) become_active(next.active, now);
    if (more_send && mode_.controller->announces_members()) announcer_.start(options_.num_grat_arp, now);

    const bool up = next.carrier.value_or(next.may_send != 0);
    if (up == link_up_) return;
    link_up_ = up;
    changed_ = true;
    raise(up ? EventKind::bond_up : EventKind::bond_down, nullptr, up ? "" : "no usable member", now);
}

void Bond::plan_move(Time now) {
    FixedVec<MemberId, kMaxMembers> all;
    for (const Member& m : members_) all.push_back(m.id);
    const bool was_under_way = move_.under_way();
    move_.plan(make_bucket_map({all.begin(), all.size()}, decision_.may_send), mode_.tx_burst,
               mode_.controller->flow_means(), now);
    if (was_under_way && !move_.under_way()) end_move(now);
}

void Bond::handle_published(Time now) {
    if (changed_) return; // what they go by is out of date already
    const std::uint32_t ask = move_.workers_follow();
    if (ask == 0) return;
    mode_.controller->ask_arrival(ask, move_.deadline(), now);
    settle(now);
}

void Bond::end_move(Time now) {
    const Duration took = now - move_.began();
    raise(EventKind::flows_moved, nullptr,
          fmt::format("{} buckets after {:.1f} ms{}", move_.buckets(),
                      std::chrono::duration<double, std::milli>(took).count(),
                      took < FlowMove::kLimit ? "" : ", not all has been acknowledged"),
          now);
    changed_ = true;
}

void Bond::become_active(MemberId id, Time now) {
    const Member* was = member(active_);
    active_ = id;
    prober_.monitor().set_active(id, now);
    const Member* is = member(id);
    macs_.set_active(id);
    if (mode_.controller->has_active())
        raise(EventKind::active_changed, is, was != nullptr ? "was " + was->info.name.str() : std::string{},
              now);
    follow_macs(now);
    if (mode_.controller->announces()) announcer_.start(is != nullptr ? options_.num_grat_arp : 0, now);
    static const OptionDef& resend_igmp = *find_option("resend_igmp");
    const bool reports = is != nullptr && (resend_igmp.effective & mask_of(mode_.mode)) != 0;
    reports_.start(reports ? options_.resend_igmp : 0, now);
    if (is == nullptr) return;
    if (had_active_ && mode_.controller->has_active()) ++failovers_;
    had_active_ = true;
}

std::uint32_t Bond::announcers() const {
    if (mode_.controller->announces_members()) return decision_.may_send;
    return active_ != kNoMember ? 1U << active_.value : 0;
}

void Bond::raise(EventKind kind, const Member* m, std::string_view detail, Time now) {
    Event e;
    e.at = now;
    e.kind = kind;
    if (m != nullptr) e.member = m->info.name;
    e.detail = detail;
    if (!events_.push_back(e)) ++events_lost_;
}

bool Bond::poll_event(Event& out) {
    if (events_.empty()) hear_controller();
    if (events_.empty()) return false;
    out = events_[0];
    events_.erase_at(0);
    return true;
}

std::size_t Bond::send_by_active(std::span<const OwnFrame> frames) {
    if (active_ == kNoMember) return 0;
    std::size_t taken = 0;
    for (OwnFrame f : frames) {
        f.member = active_;
        if (!frames_.push_back(f)) break;
        ++taken;
    }
    return taken;
}

bool Bond::poll_transmit(Transmit& out) {
    const auto probe = [&] {
        const MemberId asker = prober_.next_asker();
        if (asker == kNoMember) return false;
        const Mac worn = macs_.worn_by(asker);
        return prober_.poll_transmit(worn.is_zero() ? mac_ : worn, out);
    };
    const auto from_others = [&] {
        return announcer_.poll(out, addresses_, mac_) || probe() || mode_.controller->poll_transmit(out);
    };
    if (!filter_.up) { // as Linux: a bond that is down says nothing
        frames_.clear();
        while (from_others()) {
        }
        return false;
    }
    if (frames_.empty()) return from_others();
    out = frames_[0];
    frames_.erase_at(0);
    return true;
}

void Bond::fill(Snapshot& out) const {
    out.tx_burst = mode_.tx_burst;
    const bool listens = mode_.punt == nullptr && prober_.on();
    out.punt = !filter_.up ? nullptr : listens ? mode_.punt_neighbors : mode_.punt;
    out.active = decision_.active;
    out.packets_per_member = options_.packets_per_slave;
    out.rx_accept = decision_.may_receive;
    out.max_frame = static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu_ + 14 + 2 * 4, 0xffff));
    std::uint32_t sorting = 0;
    out.tx_mask = 0;
    out.tx_count = 0;
    out.rx_count = 0;
    for (const Member& m : members_) {
        out.member[m.id.value] = m.info.data;
        out.rx[out.rx_count++] = m.id.value;
        if (!m.info.data.sorts_itself) sorting |= 1U << m.id.value;
        if (!has(decision_.may_send, m.id)) continue;
        out.tx_mask |= 1U << m.id.value;
        out.tx[out.tx_count++] = m.id.value;
    }
    fill_filter(out.filter, filter_, mac_, sorting);
    move_.fill(out);
    mode_.controller->fill(out);
}

std::uint32_t Bond::speed_mbps() const {
    std::uint32_t sum = 0;
    for (const Member& m : members_) {
        const std::uint32_t speed = m.link.speed_mbps;
        if (!has(decision_.may_send, m.id) || speed == 0) continue;
        sum = decision_.all_send_all && sum != 0 ? std::min(sum, speed)
              : decision_.all_send_all           ? speed
                                                 : sum + speed;
    }
    return sum;
}

void Bond::fill(BondStatus& out) const {
    out.speed_mbps = speed_mbps();
    out.name = name_;
    out.mode = mode_.mode;
    out.link_up = link_up_;
    out.active_member = mode_.controller->has_active() ? active_ : kNoMember;
    out.primary = options_.primary.empty() ? kNoMember : find(options_.primary);
    out.mac = mac_;
    out.mtu = mtu_;
    out.failovers = failovers_;
    out.members.clear();
    for (const Member& m : members_) {
        MemberStatus s;
        s.id = m.id;
        s.name = m.info.name;
        s.device = m.info.device;
        s.port_id = m.info.data.port;
        s.carrier = m.link.carrier;
        s.admin_down = m.admin_down;
        s.mii = mii(m);
        s.active = has(decision_.may_receive, m.id) && (!mode_.controller->has_active() || m.id == active_);
        s.usable = has(decision_.usable, m.id);
        s.speed_mbps = m.link.speed_mbps;
        s.duplex = m.link.duplex;
        s.link_failures = m.link_failures;
        s.mac = macs_.worn_by(m.id);
        s.perm_mac = m.info.perm_mac;
        s.options = m.info.options;
        s.watching = watching();
        s.objecting = m.objecting;
        s.objection = describe(m, m.objecting);
        s.flap_suppressed = m.damping.suppressed();
        s.flap_penalty = m.damping.last_penalty();
        s.flap_penalty_at = m.damping.at();
        out.members.push_back(s);
    }
}

} // namespace dpdkbond

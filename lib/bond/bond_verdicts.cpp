// SPDX-License-Identifier: BSD-3-Clause
// Which members are usable, and which watchers object to the others.
#include "bond/bond.hpp"

namespace dpdkbond {

namespace {

MiiStatus mii_of(LinkMonitor::State s) { return static_cast<MiiStatus>(s); }

} // namespace

LinkMonitor::Delays Bond::delays() const {
    return {std::chrono::milliseconds(options_.updelay), std::chrono::milliseconds(options_.downdelay)};
}

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

// The carrier may be up again while updelay runs; a netdev that somebody set down has none, nor has one that
// is not there.
std::string_view Bond::carrier_words(const Member& m) {
    if (m.monitor.state() == LinkMonitor::State::going_back) return "going back (updelay)";
    if (m.link.no_source) return "carrier (the netdev that it is read from is not there)";
    return m.link.set_down ? "carrier (its netdev is set down)" : watcher_name(Watcher::carrier);
}

std::string Bond::describe(const Member& m, WatcherSet set) const {
    std::string text;
    const auto say = [&](std::string_view what) { text += (text.empty() ? "" : ", ") + std::string(what); };
    if (set.has(Watcher::carrier)) say(carrier_words(m));
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

std::string_view Bond::unwatched() const {
    if (!monitored())
        return "miimon 0 and no arp_interval: nothing watches the members, so a dead link stays in use";
    if (options_.arp_interval != 0 && !prober_.on())
        return "arp_interval, but nobody to ask: only the carrier is watched; set arp_ip_target or "
               "ns_ip6_target";
    return {};
}

void Bond::warn_if_unwatched(std::string_view before, Time now) {
    if (const std::string_view why = unwatched(); !why.empty() && why != before)
        raise(EventKind::warning, nullptr, why, now);
}

// What took a member out is no cause for its return.
std::string_view Bond::return_words(const Member& m) {
    const std::string_view was = m.last_objection;
    if (was.empty() || was.starts_with(watcher_name(Watcher::carrier))) return watcher_name(Watcher::carrier);
    return was == watcher_name(Watcher::by_hand) ? "put back by hand" : was;
}

void Bond::tell_link(Member& m, Time now) {
    // A mode's protocol stops while the bond is down and starts afresh afterwards, as in Linux.
    const LinkState verdict{is_up(m) && filter_.up, m.link.speed_mbps, m.link.duplex, false};
    if (m.dismissed || m.told == verdict) return;
    m.told = verdict;
    mode_.controller->handle_link(m.id, verdict.carrier, verdict.speed_mbps, verdict.duplex, now);
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
        const MiiStatus status = mii(m);
        changed_ |= objecting != m.objecting || status != m.mii;
        m.objecting = objecting;
        m.mii = status;
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
            raise(EventKind::member_up, &m, return_words(m), now);
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

} // namespace dpdkbond

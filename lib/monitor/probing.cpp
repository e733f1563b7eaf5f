// SPDX-License-Identifier: BSD-3-Clause
#include "monitor/probing.hpp"

#include <algorithm>
#include <utility>

namespace dpdkbond {

namespace {

constexpr MemberId id_of(std::size_t slot) { return MemberId{static_cast<std::uint8_t>(slot)}; }

// Counters are looked at this often: what they show is dated that much too early at most.
Duration look_period(Duration interval) {
    constexpr Duration kShortest = std::chrono::milliseconds(1), kLongest = std::chrono::milliseconds(100);
    return std::clamp(interval / 10, kShortest, kLongest);
}

} // namespace

void ProbeMonitor::renew(Member& m, Time now) {
    m.last_rx = m.last_tx = m.last_up = now;
    m.target_rx.fill(now);
}

void ProbeMonitor::set_rules(const ProbeRules& rules, Time now) {
    if (rules == rules_) return;
    const bool was_on = on();
    rules_ = rules;
    ready_ = 0;
    probes_ = {};
    trial_ = kNoMember;
    for (std::size_t slot = 0; slot < kMaxMembers; ++slot) {
        Member& m = members_[id_of(slot)];
        if (!m.present) continue;
        m.seen_before = false;
        if (!was_on) m.state = m.link ? State::up : State::down;
        if (m.state == State::trial) m.state = State::down;
        if (m.state == State::up) renew(m, now);
    }
    next_tick_ = last_look_ = now;
    plan();
}

void ProbeMonitor::set_ready(std::uint32_t targets, Time now) {
    const std::uint32_t fresh = targets & ~ready_;
    if (fresh == 0 || !on()) return;
    const bool first = ready_ == 0;
    ready_ |= fresh;
    for (Member& m : members_) {
        if (m.state != State::up) continue; // one that is down needs a sign of life
        if (first) renew(m, now);
        for (std::size_t t = 0; t < kMaxTargets; ++t)
            if ((fresh >> t & 1U) != 0) m.target_rx[t] = now;
    }
    if (first) next_tick_ = now; // the questions so far had no address to be answered to
    plan();
}

void ProbeMonitor::join(MemberId id, Time now) {
    Member& m = members_[id];
    m = {};
    m.present = true;
    renew(m, now);
}

void ProbeMonitor::leave(MemberId id) {
    members_[id] = {};
    probes_.remove(id);
    if (trial_ == id) trial_ = kNoMember;
    if (active_ == id) active_ = kNoMember;
    plan();
}

void ProbeMonitor::set_link(MemberId id, bool up, Time now) {
    Member& m = members_[id];
    if (!m.present || (m.link_was_set && m.link == up)) return;
    const bool first = !m.link_was_set;
    m.link_was_set = true;
    m.link = up;
    if (!up) {
        go_down(id, now);
    } else if (first || !on()) {
        go_up(id, now);
    } else {
        next_tick_ = now; // nothing will be heard before something is asked
    }
    plan();
}

void ProbeMonitor::set_active(MemberId id, Time now) {
    if (id == active_) return;
    active_ = id;
    if (id != kNoMember) {
        trial_ = kNoMember;
        members_[id].last_up = now;
    }
    if (on() && rules_.one_active) {
        next_tick_ = now;
        tick(now);
        plan();
    }
}

void ProbeMonitor::go_up(MemberId id, Time now) {
    Member& m = members_[id];
    m.state = State::up;
    m.silent = 0;
    m.mute = false;
    m.last_up = now;
    // A candidate, or another member while one is tried: the search is over.
    if (trial_ != kNoMember && trial_ != id && members_[trial_].state == State::trial)
        members_[trial_].state = State::down;
    trial_ = kNoMember;
}

void ProbeMonitor::go_down(MemberId id, Time now) {
    Member& m = members_[id];
    m.silent = 0;
    const bool each = rules_.all_targets && rules_.one_active && validated(id);
    for (std::size_t t = 0; t < kMaxTargets; ++t)
        if ((rules_.targets >> t & 1U) != 0 && (!each || now >= end_of(m.target_rx[t], rules_.missed_max)))
            m.silent |= 1U << t;
    m.mute = on() && m.link && is_active(id) && now >= end_of(m.last_tx, rules_.missed_max);
    m.state = State::down;
    m.down_since = now;
    if (trial_ == id) trial_ = kNoMember;
}

Time ProbeMonitor::last_sign(MemberId id) const {
    const Member& m = members_[id];
    if (!rules_.all_targets || !rules_.one_active || !validated(id)) return m.last_rx;
    Time oldest = kNever;
    for (std::size_t t = 0; t < kMaxTargets; ++t)
        if ((ready_ >> t & 1U) != 0) oldest = std::min(oldest, m.target_rx[t]);
    return oldest == kNever ? m.last_rx : oldest;
}

void ProbeMonitor::handle_traffic(MemberId id, const MemberTraffic& traffic, Time) {
    Member& m = members_[id];
    if (!on() || !m.present) return;
    if (m.seen_before) {
        if (traffic.tx != m.seen.tx) m.last_tx = std::max(m.last_tx, last_look_);
        const bool any_counts = !validated(id) && (rules_.validate & 4U) == 0;
        if (traffic.rx != m.seen.rx && any_counts) m.last_rx = std::max(m.last_rx, last_look_);
    }
    m.seen = traffic;
    m.seen_before = true;
}

void ProbeMonitor::handle_neighbor(MemberId id, Time now) {
    Member& m = members_[id];
    if (!on() || !m.present || validated(id) || (rules_.validate & 4U) == 0) return;
    m.last_rx = now;
    revive(id, now);
    plan();
}

// Linux's three reasons to trust a frame: (a) the active member, or the candidate, heard the target; (b) a
// backup saw the active's question pass by, and the active does get answers; (c) while a candidate is tried
// the answer to its question may arrive anywhere, as the switch has yet to learn.
void ProbeMonitor::handle_sign(MemberId id, Sign sign, Time now) {
    Member& m = members_[id];
    if (!on() || !m.present || !validated(id)) return;
    bool counts = false;
    if (is_active(id)) {
        counts = !sign.echo;
    } else if (active_ != kNoMember && last_sign(active_) > members_[active_].last_up) {
        counts = sign.echo;
    } else if (trial_ != kNoMember) {
        counts = !sign.echo && sign.answer && now <= end_of(members_[trial_].probed, 1);
    }
    if (!counts) return;
    m.last_rx = m.target_rx[sign.target] = now;
    revive(id, now);
    plan();
}

void ProbeMonitor::revive(MemberId id, Time now) {
    const Member& m = members_[id];
    if (!m.link || m.state == State::up) return;
    const Time sign = last_sign(id);
    if (now < end_of(sign, 1) && sign >= m.down_since && (rules_.one_active || now < end_of(m.last_tx, 1)))
        go_up(id, now);
}

void ProbeMonitor::judge(Time now) {
    for (std::size_t slot = 0; slot < kMaxMembers; ++slot) {
        const MemberId id = id_of(slot);
        const Member& m = members_[id_of(slot)];
        if (!m.present || !m.link) continue;
        if (m.state != State::up) {
            revive(id, now);
            continue;
        }
        if (ready_ == 0) continue; // no target could have answered
        if (rules_.one_active && now < end_of(m.last_up, 2)) continue;
        const Time sign = last_sign(id);
        if (is_active(id)) {
            if (now >= end_of(m.last_tx, rules_.missed_max) || now >= end_of(sign, rules_.missed_max))
                go_down(id, now);
        } else if (trial_ == kNoMember && now >= end_of(sign, rules_.missed_max + 1U)) {
            go_down(id, now);
        }
    }
}

// Time that this monitor slept through says nothing of the members.
void ProbeMonitor::make_up_for_lateness(Time now) {
    const Duration late = now - last_look_ - 2 * look_period(rules_.interval);
    if (late <= Duration{0}) return;
    const auto shift = [&](Time& t) { t = std::min(t + late, now); };
    for (Member& m : members_) {
        shift(m.last_rx);
        shift(m.last_tx);
        for (Time& t : m.target_rx) shift(t);
    }
}

void ProbeMonitor::handle_timeout(Time now) {
    if (!on() || paused_ || now < deadline_) return;
    make_up_for_lateness(now);
    last_look_ = now;
    judge(now);
    if (now >= next_tick_) tick(now);
    plan();
}

void ProbeMonitor::tick(Time now) {
    if (!rules_.one_active) {
        for (std::size_t slot = 0; slot < kMaxMembers; ++slot)
            if (members_[id_of(slot)].present && members_[id_of(slot)].link) probes_.add(id_of(slot));
    } else if (active_ != kNoMember) {
        probes_.add(active_);
    } else {
        try_next(now);
    }
    next_tick_ += rules_.interval;
    if (next_tick_ <= now) next_tick_ = now + rules_.interval;
}

// The next member in turn, behind the one tried last, that has a link.
void ProbeMonitor::try_next(Time now) {
    const std::size_t from = trial_ == kNoMember ? kMaxMembers - 1 : trial_.value;
    for (std::size_t step = 1; step <= kMaxMembers; ++step) {
        const std::size_t slot = (from + step) % kMaxMembers;
        Member& m = members_[id_of(slot)];
        if (!m.present || !m.link || m.state == State::up) continue;
        if (trial_ != kNoMember) members_[trial_].state = State::down;
        m.state = State::trial;
        m.last_up = m.probed = now;
        trial_ = id_of(slot);
        probes_.add(trial_);
        return;
    }
}

void ProbeMonitor::plan() {
    deadline_ = kNever;
    if (!on()) return;
    deadline_ = std::min(next_tick_, last_look_ + look_period(rules_.interval));
    if (ready_ == 0) return;
    for (std::size_t slot = 0; slot < kMaxMembers; ++slot) {
        const Member& m = members_[id_of(slot)];
        if (!m.present || !m.link || m.state != State::up) continue;
        const bool active = is_active(id_of(slot));
        if (!active && trial_ != kNoMember) continue;
        Time end = end_of(last_sign(id_of(slot)), rules_.missed_max + (active ? 0U : 1U));
        if (active) end = std::min(end, end_of(m.last_tx, rules_.missed_max));
        if (rules_.one_active) end = std::max(end, end_of(m.last_up, 2));
        deadline_ = std::min(deadline_, end);
    }
}

MemberSet ProbeMonitor::take_probes() { return std::exchange(probes_, {}); }

} // namespace dpdkbond

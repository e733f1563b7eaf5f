// SPDX-License-Identifier: BSD-3-Clause
// What a warm restart carries over: the ports' variables with their timers, and the active aggregator.
#include <algorithm>

#include "base/saved.hpp"
#include "lacp/system.hpp"

namespace dpdkbond::lacp {

namespace {

void save(Saved& out, std::string_view who, const LacpInfo& info) {
    Saved& s = out.add(who);
    s.put("system_priority", info.system_priority.value);
    s.put("system", info.system);
    s.put("key", info.key.value);
    s.put("port_priority", info.port_priority.value);
    s.put("port", info.port.value);
    s.put("state", unsigned{info.state.value});
}

bool read(const Saved& from, std::string_view who, LacpInfo& info) {
    const Saved* s = from.find(who);
    if (s == nullptr) return false;
    const auto word = [&](std::string_view key) { return s->number<std::uint16_t>(key); };
    const auto state = s->number<std::uint8_t>("state");
    if (!word("system_priority") || !word("key") || !word("port_priority") || !word("port") || !state)
        return false;
    info.system_priority = SystemPriority{*word("system_priority")};
    info.system = s->mac("system");
    info.key = Key{*word("key")};
    info.port_priority = PortPriority{*word("port_priority")};
    info.port = {*word("port")};
    info.state.value = *state;
    return true;
}

// States are saved as the numbers that telemetry shows.
template <class E> bool read_state(const Saved& from, std::string_view key, E last, E& to) {
    const auto number = from.number<std::uint8_t>(key);
    if (!number || *number > static_cast<std::uint8_t>(last)) return false;
    to = static_cast<E>(*number);
    return true;
}

void save(Saved& out, std::string_view who, const Churn& churn) {
    Saved& s = out.add("churn", who);
    s.put("state", static_cast<unsigned>(churn.state));
    s.put("timer", churn.timer);
    s.put("count", churn.count);
}

void read(const Saved& from, std::string_view who, Churn& churn) {
    const Saved* s = from.find("churn", who);
    if (s == nullptr || !read_state(*s, "state", ChurnState::CHURN, churn.state)) return;
    churn.timer = s->time("timer", kNever);
    churn.count = s->number<std::uint32_t>("count", 0);
}

void save(Saved& out, const Port& p) {
    out.put("enabled", p.port_enabled);
    out.put("lacp_enabled", p.lacp_enabled);
    out.put("coupled_control", p.coupled_control);
    out.put("speed", p.speed_mbps);
    out.put("full_duplex", p.full_duplex);
    save(out, "actor", p.actor);
    save(out, "partner", p.partner);
    out.put("had_partner", p.had_partner);
    out.put("partner_hears_us", p.partner_hears_us);
    out.put("rx", static_cast<unsigned>(p.rx));
    out.put("current_while", p.current_while);
    out.put("periodic", static_cast<unsigned>(p.periodic));
    out.put("periodic_timer", p.periodic_timer);
    out.put("selected", static_cast<unsigned>(p.selected));
    out.put("aggregator", unsigned{p.aggregator.value});
    out.put("attached", p.attached);
    out.put("mux", static_cast<unsigned>(p.mux));
    out.put("wait_while", p.wait_while);
    save(out, "actor", p.actor_churn);
    save(out, "partner", p.partner_churn);
}

// Into a port that is as new. False: it does not say enough, and the port is to begin.
bool read(const Saved& from, Port& port) {
    Port p = port;
    p.port_enabled = from.flag("enabled");
    p.lacp_enabled = from.flag("lacp_enabled");
    p.coupled_control = from.flag("coupled_control");
    p.speed_mbps = from.number<std::uint32_t>("speed", 0);
    p.full_duplex = from.flag("full_duplex");
    const PortPriority priority = p.actor.port_priority; // the configuration's
    const auto aggregator = from.number<std::uint8_t>("aggregator");
    if (!read(from, "actor", p.actor) || !read(from, "partner", p.partner) || !aggregator ||
        *aggregator == 0 || *aggregator > kMaxPorts || !read_state(from, "rx", RxState::CURRENT, p.rx) ||
        !read_state(from, "periodic", PeriodicState::PERIODIC_TX, p.periodic) ||
        !read_state(from, "selected", Selected::STANDBY, p.selected) ||
        !read_state(from, "mux", MuxState::DISTRIBUTING, p.mux))
        return false;
    p.ntt = p.actor.port_priority != priority;
    p.actor.port_priority = priority;
    p.aggregator = {*aggregator};
    p.attached = from.flag("attached");
    p.had_partner = from.flag("had_partner");
    p.partner_hears_us = from.flag("partner_hears_us");
    p.current_while = from.time("current_while", kNever);
    p.periodic_timer = from.time("periodic_timer", kNever);
    p.wait_while = from.time("wait_while", kNever);
    p.told_periodic = p.periodic;
    read(from, "actor", p.actor_churn);
    read(from, "partner", p.partner_churn);
    port = p;
    return true;
}

} // namespace

void Selection::resume(const Port& port) {
    if (!port.attached) return;
    Aggregator& aggregator = aggregators_[port.aggregator.value - 1U];
    aggregator.lag = lag_of(port);
    aggregator.individual = is_individual(port);
    aggregator.ports.add(port.member);
}

void System::save(Saved& out) const {
    out.put("active_aggregator", unsigned{selection_.active().value});
    for (const Port& p : ports_)
        if (p.in_use) lacp::save(out.add("port", std::to_string(p.member.value)), p);
}

void System::restore(const Saved& saved) {
    before_ = std::make_unique<Saved>(saved);
    const auto active = saved.number<std::uint8_t>("active_aggregator", 0);
    if (active <= kMaxPorts) selection_.resume_active({active});
}

bool System::resume_port(Port& port) {
    const Saved* saved = before_ ? before_->find("port", std::to_string(port.member.value)) : nullptr;
    if (saved == nullptr || !read(*saved, port)) return false;
    selection_.resume(port);
    return true;
}

void System::resume(Time now) {
    before_.reset();
    // The partner's timer has run since our last PDU, so the next one goes at once. What the partner said
    // meanwhile nobody heard: a timer of ours that ended while the partner still waited for us gives it the
    // time to say it again.
    for (Port& port : places()) {
        if (!port.in_use || port.rx != RxState::CURRENT) continue;
        port.ntt = true;
        const bool waits_short = port.partner.state.has(StateBit::timeout);
        const Duration grace = waits_short ? kFastPeriodicTime : kLongTimeoutTime - kShortTimeoutTime;
        if (port.current_while != kNever && now - port.current_while < grace)
            port.current_while = std::max(port.current_while, now + kFastPeriodicTime);
    }
    settle(now);
}

void System::speak_before_leaving(Time now) {
    for (Port& port : places())
        if (port.in_use && port.rx == RxState::CURRENT) port.ntt = true;
    settle(now);
}

} // namespace dpdkbond::lacp

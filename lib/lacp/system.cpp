// SPDX-License-Identifier: BSD-3-Clause
// A bond's configuration and its status.
#include "lacp/system.hpp"

#include <bit>

#include "lacp/machines.hpp"

namespace dpdkbond::lacp {

System::System(BondId id, Outbox& outbox, const LacpOptions& options, Mac mac)
    : id_(id), outbox_(outbox), options_(options), mac_(mac) {}

const Port* System::port(MemberId member) const {
    return member.value < kMaxPorts && ports_[member.value].in_use ? &ports_[member.value] : nullptr;
}

Port* System::find(MemberId member) {
    return member.value < kMaxPorts && ports_[member.value].in_use ? &ports_[member.value] : nullptr;
}

// --- configuration
// ---------------------------------------------------------------------------------------------------

// Brings the actor's parameters in line with the options. A change of what makes the LAG ID unselects the
// port.
void System::refresh_actor(Port& port) {
    LacpInfo& actor = port.actor;
    const LacpInfo before = actor;
    actor.system = options_.actor_system.is_zero() ? mac_ : options_.actor_system;
    actor.system_priority = options_.actor_system_priority;
    actor.key = make_key(options_.user_port_key, port.speed_mbps, port.full_duplex);
    actor.port = {static_cast<std::uint16_t>(port.member.value + 1U)};
    actor.state.set(StateBit::activity, options_.active);
    actor.state.set(StateBit::timeout, options_.rate == Rate::fast);
    actor.state.set(StateBit::aggregation, port.full_duplex);
    if (actor == before) return;
    port.ntt = true;
    if (actor.system != before.system || actor.system_priority != before.system_priority ||
        actor.key != before.key ||
        actor.state.has(StateBit::aggregation) != before.state.has(StateBit::aggregation))
        port.selected = Selected::UNSELECTED;
}

// What a member's place sent is remembered beyond the port, so that leaving and coming back is no way around
// the limits.
void System::forget(Port& port) {
    const auto pdus = port.pdu_window;
    const auto markers = port.marker_window;
    const auto answers = port.answer_window;
    port = Port{};
    port.pdu_window = pdus;
    port.marker_window = markers;
    port.answer_window = answers;
}

bool System::add_port(MemberId member, Mac mac, PortPriority priority, Time now) {
    if (member.value >= kMaxPorts || ports_[member.value].in_use) return false;
    Port& port = ports_[member.value];
    forget(port);
    port.in_use = true;
    port.member = member;
    port.mac = mac;
    port.coupled_control = options_.coupled_control;
    port.actor.port_priority = priority;
    port.aggregator = {static_cast<std::uint8_t>(member.value + 1U)}; // the one it takes when it is free
    members_.add(member);
    end_ = static_cast<std::size_t>(std::bit_width(members_.bits()));
    const bool resumed = resume_port(port);
    refresh_actor(port);
    if (!resumed) begin(port, now);
    settle(now);
    return true;
}

void System::remove_port(MemberId member, Time now) {
    Port* port = find(member);
    if (port == nullptr) return;
    // Not counted against three a second: a port leaves once, and a partner that is not told sends into the
    // void.
    if (port->port_enabled && port->lacp_enabled && port->periodic != PeriodicState::NO_PERIODIC) {
        SlowFrame frame;
        encode_lacpdu(frame, port->mac, compose_last(*port));
        if (send(*port, frame)) {
            port->pdu_window.note(now);
            tell(now, member, EventKind::left, 0, 0, "last LACPDU queued");
        }
    }
    selection_.leave(*port);
    markers_.lost(member);
    forget(*port);
    members_.remove(member);
    end_ = static_cast<std::size_t>(std::bit_width(members_.bits()));
    settle(now);
}

void System::set_options(const LacpOptions& options, Time now) {
    if (options == options_) return;
    const bool slower = options_.rate == Rate::fast && options.rate == Rate::slow;
    options_ = options;
    for (Port& port : places()) {
        if (!port.in_use) continue;
        set_coupled_control(port, options.coupled_control);
        refresh_actor(port);
        // Having told the partner to speak every 30 s, do not expect it within the 3 s that run from its last
        // LACPDU.
        if (slower && port.rx == RxState::CURRENT) port.current_while = now + kLongTimeoutTime;
    }
    settle(now);
}

void System::set_mac(Mac mac, Time now) {
    if (mac == mac_) return;
    mac_ = mac;
    for (Port& port : places())
        if (port.in_use) refresh_actor(port);
    settle(now);
}

void System::set_port_priority(MemberId member, PortPriority priority, Time now) {
    Port* port = find(member);
    if (port == nullptr || port->actor.port_priority == priority) return;
    port->actor.port_priority = priority;
    port->ntt = true;
    settle(now);
}

void System::status(BondStatus& out) const {
    out = BondStatus{};
    out.options = options_;
    out.active_aggregator = selection_.active();
    out.actor_system_priority = options_.actor_system_priority;
    out.actor_system = options_.actor_system.is_zero() ? mac_ : options_.actor_system;
    out.forwarding = forwarding_;
    out.usable_ports = forwarding_.distributing.size();
    if (out.active_aggregator != kNoAggregator) {
        const Aggregator& active = selection_.at(out.active_aggregator);
        out.active_ports = active.ports.size();
        out.actor_key = active.lag.actor_key;
        out.partner_system_priority = active.lag.partner_system_priority;
        out.partner_system = active.lag.partner_system;
        out.partner_key = active.lag.partner_key;
    }
    std::uint64_t taken = 0; // bit AggregatorId: it has ports, or is shown for one that has none
    for (const Port& p : ports_)
        if (p.in_use && p.attached) taken |= std::uint64_t{1} << p.aggregator.value;
    for (const Port& p : ports_) {
        if (!p.in_use) continue;
        PortStatus s;
        // One without a link has an aggregator of its own too, as in Linux.
        s.aggregator = p.aggregator;
        if (!p.attached && (taken >> p.aggregator.value & 1U) != 0)
            s.aggregator = {static_cast<std::uint8_t>(std::countr_one(taken | 1U))};
        taken |= std::uint64_t{1} << s.aggregator.value;
        s.member = p.member;
        s.selected = p.selected;
        s.rx = p.rx;
        s.periodic = p.periodic;
        s.mux = p.mux;
        s.actor_churn = p.actor_churn.state;
        s.partner_churn = p.partner_churn.state;
        s.actor_churn_count = p.actor_churn.count;
        s.partner_churn_count = p.partner_churn.count;
        s.actor = p.actor;
        s.partner = p.partner;
        s.port_enabled = p.port_enabled;
        s.speed_mbps = p.speed_mbps;
        s.full_duplex = p.full_duplex;
        s.collecting = p.collecting;
        s.distributing = p.distributing;
        s.without_partner = p.without_partner;
        s.had_partner = p.had_partner;
        s.hears_itself = p.hears_itself;
        s.counters = p.counters;
        out.ports.push_back(s);
    }
}

} // namespace dpdkbond::lacp

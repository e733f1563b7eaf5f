// SPDX-License-Identifier: BSD-3-Clause
#include "ops/render_lacp.hpp"

#include <algorithm>

#include "ops/put.hpp"
#include "ops/render.hpp"

namespace dpdkbond {

namespace {

// The bits of a key that tell speed and duplex. Linux shows none for a link that is down; the engine keeps
// them, to find the aggregator again.
constexpr unsigned kSpeedBits = 0x3f;

// One end as Linux prints it; it calls the partner's key "oper key".
void put_end(Out& out, const LacpInfo& info, std::string_view which, std::string_view key) {
    put(out, "details {} lacp pdu:\n", which);
    put(out, "    system priority: {}\n", info.system_priority.value);
    put(out, "    system mac address: {}\n", info.system.to_string());
    put(out, "    {}: {}\n", key, info.key.value);
    put(out, "    port priority: {}\n", info.port_priority.value);
    put(out, "    port number: {}\n", info.port.value);
    put(out, "    port state: {}\n", info.state.value);
}

// "ASGCD" of 0x3d: the bits' initials in the order of the standard, a dash for each that is not set.
std::string state_letters(StateBits state) {
    constexpr std::string_view letters = "ATGSCDFE";
    std::string out;
    for (unsigned bit = 0; bit < letters.size(); ++bit)
        out += (state.value >> bit & 1U) != 0 ? letters[bit] : '-';
    return out;
}

void put_side(Out& out, std::string_view title, const LacpInfo& info) {
    put(out, "  {:<8} system {} priority {:>5}, key {:>5}, port {:>5} priority {:>5}, state {} ({:#04x})\n",
        title, info.system.to_string(), info.system_priority.value, info.key.value, info.port.value,
        info.port_priority.value, state_letters(info.state), info.state.value);
}

} // namespace

const lacp::PortStatus* lacp_port(const BondView& view, MemberId member) {
    if (!view.lacp) return nullptr;
    for (const lacp::PortStatus& port : view.lacp->ports)
        if (port.member == member) return &port;
    return nullptr;
}

std::string lacp_info_lines(const BondView& view) {
    if (!view.lacp) return {};
    const lacp::BondStatus& s = *view.lacp;
    Out out;
    put(out, "\n802.3ad info\n");
    put(out, "LACP active: {}\nLACP rate: {}\n", option_text(view, "lacp_active"),
        option_text(view, "lacp_rate"));
    put(out, "Min links: {}\n", view.options.min_links);
    put(out, "Aggregator selection policy (ad_select): {}\n", option_text(view, "ad_select"));
    put(out, "System priority: {}\n", s.actor_system_priority.value);
    put(out, "System MAC address: {}\n", s.actor_system.to_string());
    // Linux counts those that have a link, and without one it has no active aggregator.
    const auto ports = std::ranges::count_if(s.ports, [&](const lacp::PortStatus& port) {
        return port.port_enabled && port.aggregator == s.active_aggregator;
    });
    if (s.active_aggregator == lacp::kNoAggregator || ports == 0) {
        put(out, "bond {} has no active aggregator\n", view.status.name.view());
        return out;
    }
    put(out, "Active Aggregator Info:\n\tAggregator ID: {}\n", s.active_aggregator.value);
    put(out, "\tNumber of ports: {}\n\tActor Key: {}\n", ports, s.actor_key.value);
    put(out, "\tPartner Key: {}\n\tPartner Mac Address: {}\n", s.partner_key.value,
        s.partner_system.to_string());
    return out;
}

std::string lacp_port_lines(const BondView& view, MemberId member) {
    const lacp::PortStatus* port = lacp_port(view, member);
    if (!view.lacp) return {};
    if (port == nullptr) return "Aggregator ID: N/A\n"; // Linux's words where there is none
    Out out;
    put(out, "Aggregator ID: {}\n", port->aggregator.value);
    put(out, "Actor Churn State: {}\nPartner Churn State: {}\n", lacp::name(port->actor_churn),
        lacp::name(port->partner_churn));
    put(out, "Actor Churned Count: {}\nPartner Churned Count: {}\n", port->actor_churn_count,
        port->partner_churn_count);
    LacpInfo actor = port->actor;
    if (!port->port_enabled) actor.key.value = static_cast<std::uint16_t>(actor.key.value & ~kSpeedBits);
    put_end(out, actor, "actor", "port key");
    put_end(out, port->partner, "partner", "oper key");
    return out;
}

std::string render_lacp(const BondView& view) {
    if (!view.lacp) return {};
    const lacp::BondStatus& s = *view.lacp;
    Out out;
    put(out, "Actor system {} priority {}\n", s.actor_system.to_string(), s.actor_system_priority.value);
    if (s.active_aggregator == lacp::kNoAggregator)
        put(out, "No active aggregator\n");
    else
        put(out, "Active aggregator {}: {} port(s), {} of them usable; key {}, partner {} key {}\n",
            s.active_aggregator.value, s.active_ports, s.usable_ports, s.actor_key.value,
            s.partner_system.to_string(), s.partner_key.value);
    for (const MemberView& m : view.members) {
        const lacp::PortStatus* p = lacp_port(view, m.status.id);
        if (p == nullptr) continue;
        put(out, "\n{}: {}, aggregator {}, receive {}, mux {}, periodic {}{}\n", m.status.name.view(),
            lacp::name(p->selected), p->aggregator.value, lacp::name(p->rx), lacp::name(p->mux),
            lacp::name(p->periodic), p->without_partner ? ", carries traffic without a partner" : "");
        put_side(out, "actor", p->actor);
        put_side(out, "partner", p->partner);
        put(out, "  churn: actor {} ({}), partner {} ({})\n", lacp::name(p->actor_churn),
            p->actor_churn_count, lacp::name(p->partner_churn), p->partner_churn_count);
        const lacp::Counters& c = p->counters;
        put(out, "  LACPDUs: received {}, sent {}, bad {}, our own {}, of another version {}\n", c.lacpdu_rx,
            c.lacpdu_tx, c.bad_rx, c.loopback_rx, c.other_version_rx);
        put(out, "  markers: received {}, answered {}, sent {}, answers received {}\n", c.marker_rx,
            c.marker_response_tx, c.marker_tx, c.marker_response_rx);
    }
    return out;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "ops/telemetry_lacp.hpp"

#include "ops/render_lacp.hpp"
#include "ops/telemetry_keys.hpp"

namespace dpdkbond {

namespace {

void put_machines(tel::Dict& out, const lacp::PortStatus& p) {
    out.number("aggregator", p.aggregator.value);
    out.number("port_enabled", p.port_enabled ? 1U : 0U);
    out.text("selected", lacp::name(p.selected));
    out.text("rx_state", lacp::name(p.rx));
    out.text("mux_state", lacp::name(p.mux));
    out.text("periodic_state", lacp::name(p.periodic));
}

void put_churn(tel::Dict& out, const lacp::PortStatus& p) {
    out.text("actor_churn", lacp::name(p.actor_churn));
    out.text("partner_churn", lacp::name(p.partner_churn));
}

// "actor_key" … of prefix "actor".
void put_end(tel::Dict& out, const std::string& prefix, const LacpInfo& info) {
    const auto key = [&](const char* what) { return prefix + what; };
    out.number(key("_sys_prio").c_str(), info.system_priority.value);
    out.text(key("_system").c_str(), info.system.to_string());
    out.number(key("_key").c_str(), info.key.value);
    out.number(key("_port_prio").c_str(), info.port_priority.value);
    out.number(key("_port").c_str(), info.port.value);
    out.number(key("_state").c_str(), info.state.value);
}

} // namespace

std::string TelemetryKeys::of(std::string_view name) {
    std::string plain(name);
    for (char& c : plain) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!allowed && c != '_' && c != '/') c = '_';
    }
    std::string key = plain;
    for (unsigned n = 2; !taken_.insert(key).second; ++n) key = plain + "_" + std::to_string(n);
    return key;
}

// 32 ports fit into an answer of 16 KiB; what more there is to tell is in the answer for one port.
void put_lacp(tel::Dict& out, const BondView& view) {
    const lacp::BondStatus& s = *view.lacp;
    out.number("active_aggregator", s.active_aggregator.value);
    out.text("actor_system", s.actor_system.to_string());
    out.number("actor_sys_prio", s.actor_system_priority.value);
    out.number("actor_key", s.actor_key.value);
    out.text("partner_system", s.partner_system.to_string());
    out.number("partner_key", s.partner_key.value);
    tel::Dict ports = out.dict("ports");
    TelemetryKeys keys;
    for (const MemberView& m : view.members) {
        const lacp::PortStatus* p = lacp_port(view, m.status.id);
        if (p == nullptr) continue;
        const std::string key = keys.of(m.status.name.view());
        tel::Dict port = ports.dict(key.c_str());
        if (key != m.status.name.view()) port.text("name", m.status.name);
        put_machines(port, *p);
        port.number("actor_state", p->actor.state.value);
        port.number("partner_state", p->partner.state.value);
        port.text("partner_system", p->partner.system.to_string());
        port.number("partner_port", p->partner.port.value);
        put_churn(port, *p);
        port.number("churn_count", std::uint64_t{p->actor_churn_count} + p->partner_churn_count);
        port.number("lacpdu_rx", p->counters.lacpdu_rx);
        port.number("lacpdu_tx", p->counters.lacpdu_tx);
        port.number("marker_rx", p->counters.marker_rx);
        port.number("marker_tx", p->counters.marker_tx);
        port.number("bad_rx", p->counters.bad_rx);
    }
}

void put_lacp_port(tel::Dict& out, const MemberView& member, const lacp::PortStatus& p) {
    out.text("name", member.status.name);
    put_machines(out, p);
    out.flag("collecting", p.collecting);
    out.flag("distributing", p.distributing);
    out.flag("without_partner", p.without_partner);
    put_end(out, "actor", p.actor);
    put_end(out, "partner", p.partner);
    put_churn(out, p);
    out.number("actor_churn_count", p.actor_churn_count);
    out.number("partner_churn_count", p.partner_churn_count);
    const lacp::Counters& c = p.counters;
    out.number("lacpdu_rx", c.lacpdu_rx);
    out.number("lacpdu_tx", c.lacpdu_tx);
    out.number("marker_rx", c.marker_rx);
    out.number("marker_tx", c.marker_tx);
    out.number("marker_response_rx", c.marker_response_rx);
    out.number("marker_response_tx", c.marker_response_tx);
    out.number("marker_limited", c.marker_limited);
    out.number("bad_rx", c.bad_rx);
    out.number("unknown_rx", c.unknown_rx);
    out.number("other_version_rx", c.other_version_rx);
    out.number("loopback_rx", c.loopback_rx);
}

} // namespace dpdkbond

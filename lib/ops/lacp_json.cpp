// SPDX-License-Identifier: BSD-3-Clause
#include "ops/lacp_json.hpp"

namespace dpdkbond {

namespace {

using Json = nlohmann::ordered_json;

Mac mac_at(const Json& dict, const std::string& key) {
    return Mac::parse(dict.at(key).get<std::string>()).value_or(Mac{});
}

template <class State> void read_state(const Json& dict, const char* key, State last, State& out) {
    const auto text = dict.at(key).get<std::string>();
    for (unsigned i = 0; i <= static_cast<unsigned>(last); ++i)
        if (lacp::name(static_cast<State>(i)) == text) out = static_cast<State>(i);
}

LacpInfo read_end(const Json& dict, const std::string& prefix) {
    LacpInfo info;
    info.system_priority.value = dict.at(prefix + "_sys_prio");
    info.system = mac_at(dict, prefix + "_system");
    info.key.value = dict.at(prefix + "_key");
    info.port_priority.value = dict.at(prefix + "_port_prio");
    info.port.value = dict.at(prefix + "_port");
    info.state.value = dict.at(prefix + "_state");
    return info;
}

lacp::PortStatus read_port(const Json& dict, MemberId member) {
    lacp::PortStatus p;
    p.member = member;
    p.aggregator.value = dict.at("aggregator");
    read_state(dict, "selected", lacp::Selected::STANDBY, p.selected);
    read_state(dict, "rx_state", lacp::RxState::CURRENT, p.rx);
    read_state(dict, "mux_state", lacp::MuxState::DISTRIBUTING, p.mux);
    read_state(dict, "periodic_state", lacp::PeriodicState::PERIODIC_TX, p.periodic);
    read_state(dict, "actor_churn", lacp::ChurnState::CHURN, p.actor_churn);
    read_state(dict, "partner_churn", lacp::ChurnState::CHURN, p.partner_churn);
    p.actor_churn_count = dict.at("actor_churn_count");
    p.partner_churn_count = dict.at("partner_churn_count");
    p.actor = read_end(dict, "actor");
    p.partner = read_end(dict, "partner");
    return p;
}

} // namespace

lacp::BondStatus lacp_from_json(const BondView& view, const std::string& bond,
                                const std::vector<std::string>& ports) {
    const Json dict = Json::parse(bond);
    lacp::BondStatus s;
    s.active_aggregator.value = dict.at("active_aggregator");
    s.actor_system = mac_at(dict, "actor_system");
    s.actor_system_priority.value = dict.at("actor_sys_prio");
    s.actor_key.value = dict.at("actor_key");
    s.partner_system = mac_at(dict, "partner_system");
    s.partner_key.value = dict.at("partner_key");
    for (const std::string& text : ports) {
        const Json port = Json::parse(text);
        for (const MemberView& m : view.members)
            if (m.status.name == port.at("name").get<std::string>())
                s.ports.push_back(read_port(port, m.status.id));
        s.active_ports += s.active_aggregator != lacp::kNoAggregator &&
                          port.at("aggregator").get<unsigned>() == s.active_aggregator.value;
    }
    return s;
}

} // namespace dpdkbond

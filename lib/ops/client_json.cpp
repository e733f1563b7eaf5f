// SPDX-License-Identifier: BSD-3-Clause
#include "ops/client_json.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/quote.hpp"
#include "ops/lacp_json.hpp"
#include "ops/spray_json.hpp"

namespace dpdkbond {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kIndent = 2;

template <class T, class Read> Result<T> reading(std::string_view text, Read read) {
    try {
        return read(Json::parse(text));
    } catch (const Json::exception&) {
        return Error{"an answer that is not dpdk-bond's: " + in_quotes(text)};
    }
}

std::string text_at(const Json& dict, const char* key) { return dict.at(key).get<std::string>(); }
bool flag_at(const Json& dict, const char* key) { return dict.at(key).get<int>() != 0; }

Mac mac_at(const Json& dict, const char* key) { return Mac::parse(text_at(dict, key)).value_or(Mac{}); }

std::string option_text(const Json& value) { // in the form that OptionDef::set takes
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_array()) return value.dump();
    std::string text;
    for (const Json& item : value) text += (text.empty() ? "" : ",") + item.get<std::string>();
    return text;
}

void read_options(const Json& options, BondView& view) {
    for (const OptionDef& def : option_table()) {
        const auto found = options.find(std::string(def.name));
        if (found == options.end()) continue;
        if (!def.of_member) {
            const std::string text = option_text(*found);
            if (!text.empty()) (void)set_bond_option(view.options, def.name, text);
            continue;
        }
        for (std::size_t i = 0; i < std::min(found->size(), view.members.size()); ++i) { // "MEMBER:VALUE"
            const auto entry = (*found)[i].get<std::string>();
            (void)set_member_option(view.members[i].status.options, def.name,
                                    entry.substr(entry.rfind(':') + 1));
        }
    }
}

template <class Counters> void read_counters(const Json& dict, Counters& out) {
    out.rx_packets = dict.at("rx_packets");
    out.rx_bytes = dict.at("rx_bytes");
    out.tx_packets = dict.at("tx_packets");
    out.tx_bytes = dict.at("tx_bytes");
    for (std::size_t i = 0; i < kDropReasons; ++i)
        out.drops[i] = dict.at("drops").value(std::string(kDropReasonNames[i]), std::uint64_t{0});
}

MiiStatus mii_from(std::string_view name) {
    for (const MiiStatus mii : {MiiStatus::up, MiiStatus::going_down, MiiStatus::going_back})
        if (mii_status_name(mii) == name) return mii;
    return MiiStatus::down;
}

MemberView read_member(const Json& dict, std::size_t index) {
    MemberView m;
    MemberStatus& s = m.status;
    s.id = MemberId{static_cast<std::uint8_t>(index)};
    s.name = text_at(dict, "name");
    s.device = text_at(dict, "device");
    s.port_id = dict.at("port_id");
    s.carrier = flag_at(dict, "carrier");
    s.mii = mii_from(text_at(dict, "mii_status"));
    s.active = text_at(dict, "state") == "active";
    s.usable = flag_at(dict, "usable");
    s.speed_mbps = dict.at("speed_mbps");
    const std::string duplex = text_at(dict, "duplex");
    s.duplex = duplex == "full" ? Duplex::full : (duplex == "half" ? Duplex::half : Duplex::unknown);
    s.link_failures = dict.at("link_failures");
    s.mac = mac_at(dict, "mac");
    s.perm_mac = mac_at(dict, "perm_mac");
    s.objection = dict.value("objection", std::string());
    if (dict.contains("flap_penalty")) { // only while flaps are counted
        s.watching.add(Watcher::flapping);
        s.flap_penalty = dict.at("flap_penalty");
        s.flap_suppressed = flag_at(dict, "flap_suppressed");
    }
    read_counters(dict, m.counters);
    m.counters.missed = dict.value("missed", std::uint64_t{0});
    m.counters.no_buffer = dict.value("no_buffer", std::uint64_t{0});
    m.counters.rx_errors = dict.value("rx_errors", std::uint64_t{0});
    m.counters.tx_errors = dict.value("tx_errors", std::uint64_t{0});
    return m;
}

BondView read_bond(const Json& info, const std::vector<std::string>& members) {
    BondView view;
    BondStatus& s = view.status;
    s.name = text_at(info, "name");
    s.mode = parse_mode(text_at(info, "mode")).value_or(s.mode);
    s.link_up = flag_at(info, "link_up");
    s.mac = mac_at(info, "mac");
    s.mtu = info.at("mtu");
    s.failovers = info.at("failovers");
    s.logical_backend = text_at(info.at("logical"), "backend");
    s.logical_name = text_at(info.at("logical"), "name");
    for (const std::string& payload : members)
        view.members.push_back(read_member(Json::parse(payload), view.members.size()));
    read_options(info.at("options"), view);
    const std::string active = text_at(info, "active_member");
    const std::string primary = text_at(info, "primary");
    for (const MemberView& m : view.members) {
        if (m.status.name == active) s.active_member = m.status.id;
        if (m.status.name == primary) s.primary = m.status.id;
        s.members.push_back(m.status);
    }
    return view;
}

Json bond_json(const BondAnswers& bond) {
    Json out = Json::parse(bond.info);
    Json& members = out["member"] = Json::object();
    for (std::size_t i = 0; i < bond.members.size(); ++i)
        members[bond.member_names[i]] = Json::parse(bond.members[i]);
    out["stats"] = Json::parse(bond.stats);
    if (!bond.lacp.empty()) out["lacp"] = Json::parse(bond.lacp);
    if (!bond.spray.empty()) out["spray"] = spray_json(bond.spray);
    return out;
}

} // namespace

Result<std::string> answer_payload(std::string_view answer) {
    return reading<std::string>(answer, [&](const Json& json) -> Result<std::string> {
        if (!json.is_object() || json.size() != 1) return Error{"not one answer: " + in_quotes(answer)};
        return json.front().dump();
    });
}

Result<std::vector<std::string>> names_from_json(std::string_view payload) {
    return reading<std::vector<std::string>>(
        payload, [](const Json& json) { return json.get<std::vector<std::string>>(); });
}

Result<std::vector<std::string>> member_names_from_json(std::string_view info) {
    return reading<std::vector<std::string>>(
        info, [](const Json& json) { return json.at("members").get<std::vector<std::string>>(); });
}

Result<BondView> bond_from_json(std::string_view info, const std::vector<std::string>& members,
                                const std::string& lacp, const std::vector<std::string>& lacp_ports,
                                const std::vector<std::string>& spray) {
    return reading<BondView>(info, [&](const Json& json) {
        BondView view = read_bond(json, members);
        if (!lacp.empty()) view.lacp = lacp_from_json(view, lacp, lacp_ports);
        if (!spray.empty()) view.spray = spray_from_json(spray);
        return view;
    });
}

Result<Explanation> explanation_from_json(std::string_view payload) {
    return reading<Explanation>(payload, [](const Json& json) -> Result<Explanation> {
        if (json.contains("error")) return Error{text_at(json, "error")};
        return Explanation{flag_at(json, "hashed"),
                           json.at("hash"),
                           json.at("bucket"),
                           json.at("buckets"),
                           text_at(json, "member"),
                           text_at(json, "reason"),
                           json.value("paths", std::vector<std::string>{})};
    });
}

std::string status_json(const BondAnswers& bond) { return bond_json(bond).dump(kIndent) + "\n"; }

std::string status_json(const std::vector<BondAnswers>& bonds) {
    Json out = Json::object();
    for (const BondAnswers& bond : bonds) out[bond.name] = bond_json(bond);
    return out.dump(kIndent) + "\n";
}

} // namespace dpdkbond

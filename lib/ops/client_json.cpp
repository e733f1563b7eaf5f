// SPDX-License-Identifier: BSD-3-Clause
#include "ops/client_json.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/quote.hpp"
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

Result<std::string> string_from_json(std::string_view payload) {
    return reading<std::string>(payload, [](const Json& json) { return json.get<std::string>(); });
}

Result<HealthAnswer> health_from_json(std::string_view info) {
    return reading<HealthAnswer>(info, [](const Json& json) {
        const Json& health = json.at("health");
        HealthAnswer out;
        for (const Health state : {Health::ok, Health::degraded})
            if (text_at(health, "state") == health_name(state)) out.state = state;
        out.since = text_at(health, "since");
        out.why = text_at(health, "why");
        return out;
    });
}

std::string with_all_reasons(std::string_view info, std::string_view status_text) {
    Json json = Json::parse(info);
    Json& health = json.at("health");
    const std::string begin =
        fmt::format("\nHealth: {} since {}: ", text_at(health, "state"), text_at(health, "since"));
    const std::size_t at = status_text.find(begin);
    if (at == std::string_view::npos) return std::string(info); // it has changed meanwhile
    const std::string_view rest = status_text.substr(at + begin.size());
    health["why"] = rest.substr(0, rest.find('\n'));
    return json.dump();
}

std::string health_json(const std::vector<std::pair<std::string, std::string>>& bonds) {
    Json out = Json::object();
    for (const auto& [name, info] : bonds) out[name] = Json::parse(info).at("health");
    return out.dump(kIndent) + "\n";
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

bool has_nothing(const std::string& page) {
    const Json json = Json::parse(page);
    if (json.is_object()) return json.empty() || (json.contains("peers") && json.at("peers").empty());
    return json.is_array() && std::ranges::all_of(json, [](const Json& entry) { // of the load, a member
               return entry.contains("buckets") &&
                      (!entry.contains("by_bucket") || entry.at("by_bucket").empty());
           });
}

std::string events_json(const std::vector<std::string>& pages) {
    Json out = Json::array();
    for (auto page = pages.rbegin(); page != pages.rend(); ++page)
        for (Json& event : Json::parse(*page)) out.push_back(std::move(event));
    return out.dump();
}

std::string load_json(const std::vector<std::string>& pages) {
    Json out = Json::parse(pages.at(0));
    for (const std::string& page : pages) {
        const Json members = Json::parse(page);
        for (std::size_t i = 0; i < std::min(out.size(), members.size()); ++i)
            if (members[i].contains("by_bucket"))
                for (const auto& [bucket, rate] : members[i].at("by_bucket").items())
                    if (!out[i]["by_bucket"].contains(bucket)) out[i]["by_bucket"][bucket] = rate;
    }
    return out.dump();
}

std::string merged_json(const std::vector<std::string>& pages) {
    Json out = Json::object();
    for (const std::string& page : pages) out.update(Json::parse(page));
    return out.dump();
}

std::string merged_spray_json(const std::vector<std::string>& pages) { return spray_json(pages).dump(); }

std::string lacp_json(const std::string& bond, const std::vector<std::string>& ports) {
    Json out = Json::parse(bond);
    Json& all = out["ports"] = Json::object();
    for (const std::string& text : ports) {
        Json port = Json::parse(text);
        all[text_at(port, "name")] = std::move(port);
    }
    return out.dump();
}

std::string infos_json(const std::vector<std::pair<std::string, std::string>>& bonds) {
    Json out = Json::object();
    for (const auto& [name, info] : bonds) out[name] = Json::parse(info);
    return out.dump();
}

std::string indented_json(const std::string& text) { return Json::parse(text).dump(kIndent) + "\n"; }

} // namespace dpdkbond

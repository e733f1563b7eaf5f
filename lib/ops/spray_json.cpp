// SPDX-License-Identifier: BSD-3-Clause
#include "ops/spray_json.hpp"

namespace dpdkbond {

namespace {

using Json = nlohmann::ordered_json;

std::string spray_text(const Json& json, const char* key) { return json.at(key).get<std::string>(); }

} // namespace

SprayView spray_from_json(const std::vector<std::string>& pages) {
    SprayView view;
    for (const std::string& page : pages) {
        const Json json = Json::parse(page);
        SprayOptions& o = view.options;
        for (const SprayGranularity g :
             {SprayGranularity::packet, SprayGranularity::flow, SprayGranularity::flowlet})
            if (spray_granularity_name(g) == spray_text(json, "granularity")) o.granularity = g;
        o.flowlet_gap_us = json.at("flowlet_gap_us");
        o.probe_interval = json.at("probe_interval");
        o.probe_missed = json.at("probe_missed");
        for (const auto& [key, peer] : json.at("peers").items()) {
            SprayPeerView& p = view.peers.emplace_back();
            p.address = spray_text(peer, "address");
            for (const auto& [name, path] : peer.at("paths").items())
                p.paths.push_back({spray_text(path, "member"), spray_text(path, "next_hop"),
                                   Mac::parse(spray_text(path, "mac")).value_or(Mac{}),
                                   spray_text(path, "state"), path.at("weight"), path.at("frames")});
        }
    }
    return view;
}

nlohmann::ordered_json spray_json(const std::vector<std::string>& pages) {
    Json all = Json::parse(pages.at(0));
    for (const std::string& page : pages) all["peers"].update(Json::parse(page).at("peers"));
    return all;
}

bool has_peers(const std::string& page) { return !Json::parse(page).at("peers").empty(); }

} // namespace dpdkbond

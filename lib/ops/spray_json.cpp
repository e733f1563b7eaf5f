// SPDX-License-Identifier: BSD-3-Clause
#include "ops/spray_json.hpp"

namespace dpdkbond {

namespace {

using Json = nlohmann::ordered_json;

} // namespace

nlohmann::ordered_json spray_json(const std::vector<std::string>& pages) {
    Json all = Json::parse(pages.at(0));
    for (const std::string& page : pages) all["peers"].update(Json::parse(page).at("peers"));
    return all;
}

bool has_peers(const std::string& page) { return !Json::parse(page).at("peers").empty(); }

} // namespace dpdkbond

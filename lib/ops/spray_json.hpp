// SPDX-License-Identifier: BSD-3-Clause
// Reading the answers of /bond/spray. Private to lib/ops; throws what the JSON library throws.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace dpdkbond {

nlohmann::ordered_json spray_json(const std::vector<std::string>& pages); // the pages as one
bool has_peers(const std::string& page);                                  // the last page has none

} // namespace dpdkbond

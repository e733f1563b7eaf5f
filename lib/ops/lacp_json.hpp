// SPDX-License-Identifier: BSD-3-Clause
// The answers of /bond/lacp read back. Private to lib/ops.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ops/instance.hpp"

namespace dpdkbond {

// `ports`: the answers of one port each; members are found by name among view.members. Throws
// Json::exception.
lacp::BondStatus lacp_from_json(const BondView& view, const std::string& bond,
                                const std::vector<std::string>& ports);

} // namespace dpdkbond

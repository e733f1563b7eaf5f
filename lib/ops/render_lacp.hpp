// SPDX-License-Identifier: BSD-3-Clause
// The 802.3ad parts of the status text. Private to lib/ops.
#pragma once

#include <string>

#include "ops/instance.hpp"

namespace dpdkbond {

std::string lacp_info_lines(const BondView& view); // empty in other modes
std::string lacp_port_lines(const BondView& view, MemberId member);

const lacp::PortStatus* lacp_port(const BondView& view, MemberId member); // nullptr: none

} // namespace dpdkbond

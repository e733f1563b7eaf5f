// SPDX-License-Identifier: BSD-3-Clause
// The answer of /bond/lacp. Private to lib/ops.
#pragma once

#include <string>
#include <string_view>

#include "ops/instance.hpp"
#include "ops/telemetry_compat.hpp"

namespace dpdkbond {

// A member's name as a telemetry key, which holds letters, digits, '_' and '/' only: others become '_'.
std::string telemetry_key(std::string_view member);

// Both need view.lacp.
void put_lacp(tel::Dict& out, const BondView& view);
void put_lacp_port(tel::Dict& out, const MemberView& member, const lacp::PortStatus& port);

} // namespace dpdkbond

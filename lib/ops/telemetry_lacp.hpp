// SPDX-License-Identifier: BSD-3-Clause
// The answer of /bond/lacp. Private to lib/ops.
#pragma once

#include "ops/instance.hpp"
#include "ops/telemetry_compat.hpp"

namespace dpdkbond {

// Both need view.lacp.
void put_lacp(tel::Dict& out, const BondView& view);
void put_lacp_port(tel::Dict& out, const MemberView& member, const lacp::PortStatus& port);

} // namespace dpdkbond

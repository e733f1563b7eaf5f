// SPDX-License-Identifier: BSD-3-Clause
// How other programs spell what the configuration asks for. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

namespace dpdkbond {

// Our key for one of netplan, networkd, ifupdown, Open vSwitch or net_bonding ("mii-monitor-interval",
// "MIIMonitorSec", "bond-miimon"), or for ours in another spelling ("lacp-rate"); empty: none is known.
std::string key_of_others(std::string_view key);

} // namespace dpdkbond

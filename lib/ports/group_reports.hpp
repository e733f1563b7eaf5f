// SPDX-License-Identifier: BSD-3-Clause
// The reports of multicast memberships that the kernel would send for a netdev and what is stacked on it, so
// that switches behind another member forward these groups to it. Ordinary threads.
#pragma once

#include <string>
#include <vector>

#include "bond/controller.hpp"

namespace dpdkbond {

// Frames without a member: IGMP of the version that each device's querier speaks, MLD version 2. Devices in
// other namespaces are left out.
std::vector<OwnFrame> group_reports(const std::string& netdev);

} // namespace dpdkbond

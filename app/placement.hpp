// SPDX-License-Identifier: BSD-3-Clause
// Which memory node things belong to on a machine that has several: what a configuration asks for, and what
// it makes cross from one node to another. Ordinary threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "options/model.hpp"

namespace dpdkbond {

// Of the NIC behind a member (a PCI device, or the netdev of its iface=); nothing: it has none, or the
// machine does not say.
std::optional<int> node_of(const MemberConfig& member);
// The different nodes of all members, in order.
std::vector<int> member_nodes(const Config& config);
// A line for each member whose frames are carried by an lcore of another node, and for control.
std::vector<std::string> node_crossings(const Config& config);

} // namespace dpdkbond

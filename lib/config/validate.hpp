// SPDX-License-Identifier: BSD-3-Clause
// What a configuration must hold beyond the form of its single values. Pure, any thread.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/strong_id.hpp" // kMaxBonds, kMaxMembers
#include "config/load.hpp"

namespace dpdkbond {

// One line about what is wrong with it and what is allowed; empty: nothing.
std::string device_problem(const std::string& devargs);
// Likewise for a member whose device is a packet socket of our own; empty for others.
std::string packet_socket_problem(const std::string& devargs);

// What is wrong with a file prefix, or with an argument for DPDK; empty: nothing.
std::string file_prefix_problem(const std::string& prefix);
std::string metrics_problem(const std::string& address);
std::string socket_group_problem(const std::string& group); // asks the system for its groups
std::string eal_arg_problem(const std::string& arg);

// What is wrong with the number of the logical interface's queues; empty: nothing, or its backend is not
// known yet.
std::string logical_queues_problem(const LogicalConfig& logical);

// What is wrong with a member's queue_id beside those of others; empty: nothing.
std::string queue_id_problem(std::uint16_t queue_id, unsigned queues, std::span<const MemberConfig> others);

// What is wrong with a reference to a member by this name; empty: nothing, or a member without a readable
// name may be the one that is meant.
std::string unknown_member_problem(const std::string& name, std::span<const MemberConfig> members);

// Every problem, without line and column. `broken` holds the keys ("bonds[0].mode") whose value could not be
// read: what depends on them is not judged. Completes the options as check_options() does.
std::vector<ConfigProblem> validate(Config& config, const std::set<std::string>& broken = {});

} // namespace dpdkbond

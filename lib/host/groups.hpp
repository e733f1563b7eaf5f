// SPDX-License-Identifier: BSD-3-Clause
// The multicast groups that the hosts' programs have joined, by network device, as the kernel would report
// them. Ordinary threads.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"

namespace dpdkbond {

struct JoinedGroups {
    std::vector<Ipv4> v4; // all but 224.0.0.1, which is never reported
    std::vector<Ipv6> v6; // all but ff02::1 and what stays inside the host
    unsigned igmp = 3;    // the version that the querier heard last speaks
    bool operator==(const JoinedGroups&) const = default;
};

using GroupsByDevice = std::map<std::string, JoinedGroups>;

// From the text of /proc/net/igmp and /proc/net/igmp6; lines that make no sense are passed over.
GroupsByDevice parse_joined_groups(std::string_view igmp, std::string_view igmp6);
// Of the calling thread's namespace. A kernel without IPv6 has none of that kind.
GroupsByDevice joined_groups();

} // namespace dpdkbond

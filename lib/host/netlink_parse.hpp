// SPDX-License-Identifier: BSD-3-Clause
// rtnetlink messages to plain structs; nothing for messages that are not of that sort. No state.
#pragma once

#include <linux/netlink.h>
#include <optional>

#include "host/netlink.hpp"

namespace dpdkbond {

std::optional<LinkEvent> parse_link(nlmsghdr* header);             // RTM_NEWLINK, RTM_DELLINK
std::optional<AddressEvent> parse_address(nlmsghdr* header);       // RTM_NEWADDR, RTM_DELADDR
std::optional<ForwardingEvent> parse_forwarding(nlmsghdr* header); // RTM_NEWNETCONF of IPv6
// An address that a device receives besides its own: RTM_NEWNEIGH, RTM_DELNEIGH of the device's own list.
struct ListedMac {
    int ifindex = 0;
    Mac mac{};
};
std::optional<ListedMac> parse_listed_mac(nlmsghdr* header);
std::optional<int> parse_nsid(nlmsghdr* header); // RTM_NEWNSID, RTM_DELNSID
// The device that a unicast route leaves by, once for each; RTM_NEWROUTE.
std::optional<std::vector<int>> parse_route_devices(nlmsghdr* header);
std::optional<RouteTo> parse_route_to(nlmsghdr* header); // the answer to RTM_GETROUTE of one address

} // namespace dpdkbond

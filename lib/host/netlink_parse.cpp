// SPDX-License-Identifier: BSD-3-Clause
#include "host/netlink_parse.hpp"

#include <arpa/inet.h>
#include <cstring>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000 // <linux/if.h> has it and collides with <net/if.h>
#endif

namespace dpdkbond {

namespace {

void parse_vlan(nlattr* data, LinkEvent& link) {
    nlattr* vlan[IFLA_VLAN_MAX + 1];
    if (nla_parse_nested(vlan, IFLA_VLAN_MAX, data, nullptr) != 0) return;
    if (vlan[IFLA_VLAN_ID] != nullptr) link.vlan_id = nla_get_u16(vlan[IFLA_VLAN_ID]);
    link.vlan_protocol = ETH_P_8021Q;
    if (vlan[IFLA_VLAN_PROTOCOL] != nullptr)
        link.vlan_protocol = ntohs(nla_get_u16(vlan[IFLA_VLAN_PROTOCOL]));
}

} // namespace

std::optional<LinkEvent> parse_link(nlmsghdr* header) {
    if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) return std::nullopt;
    nlattr* tb[IFLA_MAX + 1];
    if (nlmsg_parse(header, sizeof(ifinfomsg), tb, IFLA_MAX, nullptr) < 0) return std::nullopt;
    const auto* info = static_cast<const ifinfomsg*>(nlmsg_data(header));
    // The bridge tells of its ports in link messages of its own family; a "deletion" there means leaving the
    // bridge.
    if (info->ifi_family != AF_UNSPEC) return std::nullopt;

    LinkEvent link;
    link.ifindex = info->ifi_index;
    link.deleted = header->nlmsg_type == RTM_DELLINK;
    link.admin_up = (info->ifi_flags & IFF_UP) != 0;
    link.carrier = link.admin_up && (info->ifi_flags & IFF_LOWER_UP) != 0;
    link.promisc = (info->ifi_flags & IFF_PROMISC) != 0;
    link.allmulti = (info->ifi_flags & IFF_ALLMULTI) != 0;
    if (tb[IFLA_IFNAME] != nullptr) link.name = nla_get_string(tb[IFLA_IFNAME]);
    if (tb[IFLA_ADDRESS] != nullptr && nla_len(tb[IFLA_ADDRESS]) == 6)
        link.mac = Mac::from_bytes(nla_data(tb[IFLA_ADDRESS]));
    if (tb[IFLA_PERM_ADDRESS] != nullptr && nla_len(tb[IFLA_PERM_ADDRESS]) == 6)
        link.perm_mac = Mac::from_bytes(nla_data(tb[IFLA_PERM_ADDRESS]));
    link.moved = link.deleted && tb[IFLA_NEW_NETNSID] != nullptr;
    if (tb[IFLA_MTU] != nullptr) link.mtu = nla_get_u32(tb[IFLA_MTU]);
    if (tb[IFLA_MASTER] != nullptr) link.master_ifindex = static_cast<int>(nla_get_u32(tb[IFLA_MASTER]));
    if (tb[IFLA_LINK] != nullptr) link.iflink = static_cast<int>(nla_get_u32(tb[IFLA_LINK]));
    if (tb[IFLA_LINKINFO] != nullptr) {
        nlattr* inner[IFLA_INFO_MAX + 1];
        if (nla_parse_nested(inner, IFLA_INFO_MAX, tb[IFLA_LINKINFO], nullptr) == 0 &&
            inner[IFLA_INFO_KIND] != nullptr)
            link.kind = nla_get_string(inner[IFLA_INFO_KIND]);
        if (link.kind == "vlan" && inner[IFLA_INFO_DATA] != nullptr) parse_vlan(inner[IFLA_INFO_DATA], link);
    }
    if (tb[IFLA_PROMISCUITY] != nullptr) link.promiscuity = nla_get_u32(tb[IFLA_PROMISCUITY]);
    if (tb[IFLA_ALLMULTI] != nullptr) link.allmulti_count = nla_get_u32(tb[IFLA_ALLMULTI]);
    if (tb[IFLA_LINK_NETNSID] != nullptr)
        link.lower_nsid = static_cast<std::int32_t>(nla_get_u32(tb[IFLA_LINK_NETNSID]));
    return link;
}

std::optional<ForwardingEvent> parse_forwarding(nlmsghdr* header) {
    if (header->nlmsg_type != RTM_NEWNETCONF) return std::nullopt;
    nlattr* tb[NETCONFA_MAX + 1];
    if (nlmsg_parse(header, sizeof(netconfmsg), tb, NETCONFA_MAX, nullptr) < 0) return std::nullopt;
    if (static_cast<const netconfmsg*>(nlmsg_data(header))->ncm_family != AF_INET6) return std::nullopt;
    if (tb[NETCONFA_IFINDEX] == nullptr || tb[NETCONFA_FORWARDING] == nullptr) return std::nullopt;
    ForwardingEvent event;
    event.ifindex = static_cast<std::int32_t>(nla_get_u32(tb[NETCONFA_IFINDEX]));
    event.on = nla_get_u32(tb[NETCONFA_FORWARDING]) != 0;
    if (event.ifindex <= 0) return std::nullopt; // "all" and "default": the devices are told of one by one
    return event;
}

std::optional<ListedMac> parse_listed_mac(nlmsghdr* header) {
    if (header->nlmsg_type != RTM_NEWNEIGH && header->nlmsg_type != RTM_DELNEIGH) return std::nullopt;
    nlattr* tb[NDA_MAX + 1];
    if (nlmsg_parse(header, sizeof(ndmsg), tb, NDA_MAX, nullptr) < 0) return std::nullopt;
    const auto* info = static_cast<const ndmsg*>(nlmsg_data(header));
    if (info->ndm_family != AF_BRIDGE || (info->ndm_flags & NTF_SELF) == 0) return std::nullopt;
    if (tb[NDA_LLADDR] == nullptr || nla_len(tb[NDA_LLADDR]) != 6) return std::nullopt;
    return ListedMac{info->ndm_ifindex, Mac::from_bytes(nla_data(tb[NDA_LLADDR]))};
}

std::optional<int> parse_nsid(nlmsghdr* header) {
    if (header->nlmsg_type != RTM_NEWNSID && header->nlmsg_type != RTM_DELNSID) return std::nullopt;
    nlattr* tb[NETNSA_MAX + 1];
    if (nlmsg_parse(header, sizeof(rtgenmsg), tb, NETNSA_MAX, nullptr) < 0) return std::nullopt;
    if (tb[NETNSA_NSID] == nullptr) return std::nullopt;
    return static_cast<std::int32_t>(nla_get_u32(tb[NETNSA_NSID]));
}

std::optional<AddressEvent> parse_address(nlmsghdr* header) {
    if (header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR) return std::nullopt;
    nlattr* tb[IFA_MAX + 1];
    if (nlmsg_parse(header, sizeof(ifaddrmsg), tb, IFA_MAX, nullptr) < 0) return std::nullopt;
    const auto* info = static_cast<const ifaddrmsg*>(nlmsg_data(header));
    if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) return std::nullopt;

    AddressEvent address;
    address.ifindex = static_cast<int>(info->ifa_index);
    address.added = header->nlmsg_type == RTM_NEWADDR;
    const std::uint32_t flags = tb[IFA_FLAGS] != nullptr ? nla_get_u32(tb[IFA_FLAGS]) : info->ifa_flags;
    address.tentative = info->ifa_family == AF_INET6 && (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0;
    address.secondary = (flags & IFA_F_SECONDARY) != 0;
    address.deprecated = (flags & IFA_F_DEPRECATED) != 0;
    address.permanent = (flags & IFA_F_PERMANENT) != 0;
    address.prefix.is_v6 = info->ifa_family == AF_INET6;
    address.prefix.length = info->ifa_prefixlen;
    // On a point-to-point link IFA_ADDRESS is the other end; ours is IFA_LOCAL.
    nlattr* const value = tb[IFA_LOCAL] != nullptr ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
    const int size = address.prefix.is_v6 ? 16 : 4;
    if (value == nullptr || nla_len(value) != size) return std::nullopt;
    std::uint8_t* const bytes =
        address.prefix.is_v6 ? address.prefix.v6.bytes.data() : address.prefix.v4.bytes.data();
    std::memcpy(bytes, nla_data(value), static_cast<std::size_t>(size));
    return address;
}

namespace {

bool comes_by_itself(const rtmsg& route, nlattr* destination) {
    if (route.rtm_family != AF_INET6 || destination == nullptr || nla_len(destination) != 16) return false;
    const auto* bytes = static_cast<const std::uint8_t*>(nla_data(destination));
    const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
    return link_local || bytes[0] == 0xff;
}

} // namespace

std::optional<RouteTo> parse_route_to(nlmsghdr* header) {
    if (header->nlmsg_type != RTM_NEWROUTE) return std::nullopt;
    nlattr* tb[RTA_MAX + 1];
    if (nlmsg_parse(header, sizeof(rtmsg), tb, RTA_MAX, nullptr) < 0) return std::nullopt;
    const auto* route = static_cast<const rtmsg*>(nlmsg_data(header));
    if (route->rtm_type != RTN_UNICAST || tb[RTA_OIF] == nullptr || tb[RTA_PREFSRC] == nullptr)
        return std::nullopt;
    RouteTo to;
    to.ifindex = static_cast<int>(nla_get_u32(tb[RTA_OIF]));
    to.direct = tb[RTA_GATEWAY] == nullptr && tb[RTA_VIA] == nullptr;
    to.source.is_v6 = route->rtm_family == AF_INET6;
    to.source.length = to.source.is_v6 ? 128 : 32;
    if (nla_len(tb[RTA_PREFSRC]) != to.source.length / 8) return std::nullopt;
    std::uint8_t* const bytes = to.source.is_v6 ? to.source.v6.bytes.data() : to.source.v4.bytes.data();
    std::memcpy(bytes, nla_data(tb[RTA_PREFSRC]), to.source.length / 8);
    return to;
}

std::optional<std::vector<int>> parse_route_devices(nlmsghdr* header) {
    if (header->nlmsg_type != RTM_NEWROUTE) return std::nullopt;
    nlattr* tb[RTA_MAX + 1];
    if (nlmsg_parse(header, sizeof(rtmsg), tb, RTA_MAX, nullptr) < 0) return std::nullopt;
    const auto* route = static_cast<const rtmsg*>(nlmsg_data(header));
    if (route->rtm_family != AF_INET && route->rtm_family != AF_INET6) return std::nullopt;
    if (route->rtm_type != RTN_UNICAST || (route->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
    if (comes_by_itself(*route, tb[RTA_DST])) return std::nullopt;

    std::vector<int> devices;
    if (tb[RTA_OIF] != nullptr) devices.push_back(static_cast<int>(nla_get_u32(tb[RTA_OIF])));
    if (tb[RTA_MULTIPATH] != nullptr) {
        auto* hop = static_cast<rtnexthop*>(nla_data(tb[RTA_MULTIPATH]));
        int left = nla_len(tb[RTA_MULTIPATH]);
        while (RTNH_OK(hop, left)) {
            devices.push_back(hop->rtnh_ifindex);
            left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
            hop = RTNH_NEXT(hop);
        }
    }
    return devices;
}

} // namespace dpdkbond

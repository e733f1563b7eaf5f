// SPDX-License-Identifier: BSD-3-Clause
#include "host/netlink.hpp"

#include <algorithm>
#include <cerrno>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "host/netlink_parse.hpp"
#include "host/netlink_socket.hpp"

namespace dpdkbond {

namespace {

bool is_netdev_name(const std::string& name) { return !name.empty() && name.size() < IFNAMSIZ; }

Error no_such_netdev(const std::string& what) {
    return Error{"there is no netdev " + what + " in this namespace"};
}

Result<LinkEvent> query_link(RtMessage& message, const std::string& what) {
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    auto link = socket.value().get<LinkEvent>(message, parse_link);
    if (!link && (socket.value().last_errno() == ENODEV || socket.value().last_errno() == ENXIO))
        return no_such_netdev(what);
    if (!link) return Error{"cannot query netdev " + what + ": " + link.error()};
    if (!link.value()) return no_such_netdev(what);
    return *link.value();
}

// Sends a change of one link; `act` names it in the error line ("set the MTU of").
Result<void> change(const char* act, const std::string& name, RtMessage& message) {
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    auto done = socket.value().request(message);
    if (done) return done;
    return Error{std::string("cannot ") + act + " netdev " + name + ": " + done.error()};
}

Result<void> change_flags(const char* act, const std::string& name, unsigned flags, unsigned mask) {
    auto link = get_link(name);
    if (!link) return Error{link.error()};
    ifinfomsg info{};
    info.ifi_index = link.value().ifindex;
    info.ifi_flags = flags;
    info.ifi_change = mask;
    RtMessage message(RTM_NEWLINK, 0, info);
    return change(act, name, message);
}

Result<void> change_attribute(const char* act, const Result<LinkEvent>& link, int attribute, const void* data,
                              std::size_t size) {
    if (!link) return Error{link.error()};
    ifinfomsg info{};
    info.ifi_index = link.value().ifindex;
    RtMessage message(RTM_NEWLINK, 0, info);
    message.put(attribute, data, size);
    return change(act, link.value().name, message);
}

Result<void> change_address(const char* act, const std::string& name, const IpPrefix& prefix, int type,
                            int flags) {
    auto link = get_link(name);
    if (!link) return Error{link.error()};
    ifaddrmsg info{};
    info.ifa_family = prefix.is_v6 ? AF_INET6 : AF_INET;
    info.ifa_prefixlen = prefix.length;
    info.ifa_index = static_cast<unsigned>(link.value().ifindex);
    RtMessage message(type, flags, info);
    const void* const bytes = prefix.is_v6 ? prefix.v6.bytes.data() : prefix.v4.bytes.data();
    const std::size_t size = prefix.is_v6 ? 16 : 4;
    message.put(IFA_LOCAL, bytes, size).put(IFA_ADDRESS, bytes, size);
    return change(act, name, message);
}

} // namespace

Result<LinkEvent> get_link(const std::string& name) {
    if (!is_netdev_name(name)) return no_such_netdev("'" + name + "'");
    RtMessage message(RTM_GETLINK, 0, ifinfomsg{});
    message.put_string(IFLA_IFNAME, name).put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return query_link(message, name);
}

Result<LinkEvent> get_link(int ifindex) {
    ifinfomsg info{};
    info.ifi_index = ifindex;
    RtMessage message(RTM_GETLINK, 0, info);
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return query_link(message, "with index " + std::to_string(ifindex));
}

Result<LinkEvent> get_peer(const LinkEvent& veth) {
    ifinfomsg info{};
    info.ifi_index = veth.iflink;
    RtMessage message(RTM_GETLINK, 0, info);
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (veth.lower_nsid != kOwnNamespace)
        message.put_u32(IFLA_TARGET_NETNSID, static_cast<std::uint32_t>(veth.lower_nsid));
    return query_link(message, "at the other end of " + veth.name);
}

Result<std::vector<LinkEvent>> list_links() {
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    RtMessage message(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
    message.put_u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    return socket.value().dump<LinkEvent>(message, parse_link);
}

Result<void> set_admin_up(const std::string& name, bool up) {
    return change_flags(up ? "bring up" : "bring down", name, up ? IFF_UP : 0, IFF_UP);
}

Result<void> set_noarp(const std::string& name) {
    return change_flags("turn off ARP of", name, IFF_NOARP, IFF_NOARP);
}

Result<void> set_mac(const std::string& name, const Mac& mac) {
    return change_attribute("set the MAC of", get_link(name), IFLA_ADDRESS, mac.data(), mac.bytes.size());
}

Result<void> set_mtu(const std::string& name, std::uint32_t mtu) {
    return change_attribute("set the MTU of", get_link(name), IFLA_MTU, &mtu, sizeof mtu);
}

Result<void> set_mac(int ifindex, const Mac& mac) {
    return change_attribute("set the MAC of", get_link(ifindex), IFLA_ADDRESS, mac.data(), mac.bytes.size());
}

Result<void> set_mtu(int ifindex, std::uint32_t mtu) {
    return change_attribute("set the MTU of", get_link(ifindex), IFLA_MTU, &mtu, sizeof mtu);
}

Result<void> set_promisc(const std::string& name, bool on) {
    return change_flags("set promiscuous mode of", name, on ? IFF_PROMISC : 0, IFF_PROMISC);
}

Result<void> set_allmulti(const std::string& name, bool on) {
    return change_flags("set allmulticast of", name, on ? IFF_ALLMULTI : 0, IFF_ALLMULTI);
}

Result<void> set_carrier(const std::string& name, bool carrier) {
    const std::uint8_t value = carrier ? 1 : 0;
    return change_attribute("set the carrier of", get_link(name), IFLA_CARRIER, &value, sizeof value);
}

Result<void> rename_link(const std::string& name, const std::string& new_name) {
    if (!is_netdev_name(new_name))
        return Error{"cannot rename netdev " + name + " to '" + new_name +
                     "': a name has 1 to 15 characters"};
    return change_attribute("rename", get_link(name), IFLA_IFNAME, new_name.c_str(), new_name.size() + 1);
}

Result<void> add_address(const std::string& name, const IpPrefix& prefix) {
    const std::string act = "add " + prefix.to_string() + " to";
    return change_address(act.c_str(), name, prefix, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
}

Result<void> remove_address(const std::string& name, const IpPrefix& prefix) {
    const std::string act = "remove " + prefix.to_string() + " from";
    return change_address(act.c_str(), name, prefix, RTM_DELADDR, 0);
}

Result<std::vector<AddressEvent>> list_addresses(int ifindex) {
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    RtMessage message(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
    auto addresses = socket.value().dump<AddressEvent>(message, parse_address);
    if (!addresses) return Error{"cannot list addresses: " + addresses.error()};
    std::erase_if(addresses.value(), [&](const AddressEvent& a) { return a.ifindex != ifindex; });
    return addresses;
}

Result<ReceiveList> receive_list(int ifindex) {
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    ifinfomsg info{}; // what the kernel takes to mean "of this device only"
    info.ifi_family = AF_BRIDGE;
    info.ifi_index = ifindex;
    RtMessage message(RTM_GETNEIGH, NLM_F_DUMP, info);
    auto listed = socket.value().dump<ListedMac>(message, parse_listed_mac);
    if (!listed) return Error{"cannot list what a netdev receives: " + listed.error()};
    ReceiveList list;
    for (const ListedMac& entry : listed.value())
        if (entry.ifindex == ifindex)
            (entry.mac.is_multicast() ? list.groups : list.unicast).push_back(entry.mac);
    std::ranges::sort(list.unicast);
    std::ranges::sort(list.groups);
    return list;
}

Result<bool> has_route_via(int ifindex) {
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    RtMessage message(RTM_GETROUTE, NLM_F_DUMP, rtmsg{});
    auto routes = socket.value().dump<std::vector<int>>(message, parse_route_devices);
    if (!routes) return Error{"cannot list routes: " + routes.error()};
    return std::ranges::any_of(routes.value(), [&](const std::vector<int>& devices) {
        return std::ranges::find(devices, ifindex) != devices.end();
    });
}

Result<std::vector<std::optional<RouteTo>>> routes_to(std::span<const IpPrefix> targets) {
    auto socket = RtSocket::open();
    if (!socket) return Error{socket.error()};
    std::vector<std::optional<RouteTo>> found;
    for (const IpPrefix& t : targets) {
        rtmsg body{};
        body.rtm_family = t.is_v6 ? AF_INET6 : AF_INET;
        body.rtm_dst_len = t.is_v6 ? 128 : 32;
        RtMessage message(RTM_GETROUTE, 0, body);
        message.put(RTA_DST, t.is_v6 ? t.v6.bytes.data() : t.v4.bytes.data(), t.is_v6 ? 16 : 4);
        const auto route = socket.value().get<RouteTo>(message, parse_route_to);
        found.push_back(route ? route.value() : std::nullopt); // an error: the network is unreachable
    }
    return found;
}

bool stands_on(const LinkEvent& upper, int ifindex) {
    const bool is_itself = upper.nsid == kOwnNamespace && upper.ifindex == ifindex;
    const bool is_far_end = upper.kind == "veth" || upper.kind == "netkit";
    return upper.iflink == ifindex && upper.lower_nsid == kOwnNamespace && !is_itself && !is_far_end;
}

Result<std::optional<std::string>> netdev_in_use(const std::string& name) {
    using Reason = std::optional<std::string>;
    auto link = get_link(name);
    if (!link) return Error{link.error()};
    if (link.value().master_ifindex != 0) {
        auto master = get_link(link.value().master_ifindex);
        return Reason{name + " is enslaved to " + (master ? master.value().name : "another device")};
    }
    auto addresses = list_addresses(link.value().ifindex);
    if (!addresses) return Error{addresses.error()};
    for (const AddressEvent& address : addresses.value())
        if (!address.is_v6_link_local())
            return Reason{name + " has the address " + address.prefix.to_string()};
    auto routed = has_route_via(link.value().ifindex);
    if (!routed) return Error{routed.error()};
    if (routed.value()) return Reason{"a route leaves by " + name};
    auto links = list_links();
    if (!links) return Error{links.error()};
    for (const LinkEvent& upper : links.value())
        if (stands_on(upper, link.value().ifindex))
            return Reason{upper.kind + " " + upper.name + " stands on " + name};
    return Reason{};
}

} // namespace dpdkbond

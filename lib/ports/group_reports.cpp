// SPDX-License-Identifier: BSD-3-Clause
#include "ports/group_reports.hpp"

#include <algorithm>

#include "host/groups.hpp"
#include "host/netlink.hpp"
#include "host/stack.hpp"
#include "proto/igmp.hpp"
#include "proto/mld.hpp"

namespace dpdkbond {

namespace {

void report(const StackedDevice& device, const JoinedGroups& groups, std::vector<OwnFrame>& out) {
    VlanTags tags;
    for (const StackedAddress::Tag& tag : device.tags)
        if (!tags.push_back({tag.protocol, tag.id})) return;
    const auto addresses = list_addresses(device.ifindex);
    if (!addresses) return;
    const auto source = [&](auto wanted) -> const AddressEvent* {
        const auto it = std::ranges::find_if(addresses.value(), wanted);
        return it != addresses.value().end() ? &*it : nullptr;
    };
    const auto add = [&](auto build) {
        OwnFrame frame;
        frame.length = static_cast<std::uint16_t>(build(frame.frame));
        if (frame.length != 0) out.push_back(frame);
    };
    // Linux reports from 0.0.0.0 where there is no address; so does this.
    const AddressEvent* v4 = source([](const AddressEvent& a) { return !a.prefix.is_v6; });
    for (const Ipv4& group : groups.v4)
        add([&](MutableBytes frame) {
            return build_igmp_report(frame, device.mac, v4 != nullptr ? v4->prefix.v4 : Ipv4{}, group,
                                     static_cast<IgmpVersion>(groups.igmp), tags);
        });
    const AddressEvent* v6 =
        source([](const AddressEvent& a) { return a.is_v6_link_local() && !a.tentative; });
    const std::span<const Ipv6> all = groups.v6;
    for (std::size_t i = 0; i < all.size(); i += kMldGroupsAFrame)
        add([&](MutableBytes frame) {
            return build_mld_report(frame, device.mac, v6 != nullptr ? v6->prefix.v6 : Ipv6{},
                                    all.subspan(i, std::min(kMldGroupsAFrame, all.size() - i)), tags);
        });
}

} // namespace

std::vector<OwnFrame> group_reports(const std::string& netdev) {
    std::vector<OwnFrame> out;
    const auto links = list_links();
    if (!links) return out;
    Stack stack;
    for (const LinkEvent& link : links.value()) stack.handle(link);
    const auto bottom = std::ranges::find(links.value(), netdev, &LinkEvent::name);
    if (bottom == links.value().end()) return out;
    const GroupsByDevice groups = joined_groups();
    for (const StackedDevice& device : stack.devices(bottom->ifindex))
        if (const auto joined = groups.find(device.name); joined != groups.end())
            report(device, joined->second, out);
    return out;
}

} // namespace dpdkbond

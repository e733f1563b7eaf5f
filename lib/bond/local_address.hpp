// SPDX-License-Identifier: BSD-3-Clause
// An IP address that is reached through the bond: one of the logical interface itself or of a device that the
// kernel stacks on it (VLAN, macvlan, bridge). Announcements and probes are made from these. Owner: the
// control lcore; the host thread reads them by rtnetlink and hands them over.
#pragma once

#include <algorithm>
#include <vector>

#include "base/ip.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

struct LocalAddress {
    IpPrefix prefix{};
    Mac mac{};           // zero: the bond's own (a macvlan has one of its own)
    VlanTags tags{};     // what its frames carry on the members' wires
    bool router = false; // IPv6: the device that has it forwards, which its advertisements must say
    bool secondary = false, deprecated = false; // the kernel prefers others as a source
    struct Route {
        IpPrefix to{};
        bool direct = false; // by no gateway
        bool operator==(const Route&) const = default;
    };
    std::vector<Route> routes{}; // of probed addresses: those for which the kernel takes this one as a source
    bool operator==(const LocalAddress& o) const {
        return prefix == o.prefix && mac == o.mac && router == o.router && secondary == o.secondary &&
               deprecated == o.deprecated && routes == o.routes &&
               std::equal(tags.begin(), tags.end(), o.tags.begin(), o.tags.end());
    }
};

// As many as there are, in the kernel's order.
using LocalAddresses = std::vector<LocalAddress>;

// The tags that the bond's frames carry, each kind once; the first: none.
using TagSets = std::vector<VlanTags>;
inline TagSets tag_sets(const LocalAddresses& addresses) {
    TagSets sets;
    sets.push_back({});
    for (const LocalAddress& a : addresses) {
        const auto same = [&](const VlanTags& t) { return std::ranges::equal(t, a.tags); };
        if (std::ranges::none_of(sets, same)) sets.push_back(a.tags);
    }
    return sets;
}

} // namespace dpdkbond

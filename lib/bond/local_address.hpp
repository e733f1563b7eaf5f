// SPDX-License-Identifier: BSD-3-Clause
// An IP address that is reached through the bond: one of the logical interface itself or of a device that the
// kernel stacks on it (VLAN, macvlan). What announces or probes on its behalf goes by this. owner: control
// lcore; written by the host thread's view of rtnetlink.
#pragma once

#include <algorithm>

#include <algorithm>

#include "base/fixed_vec.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

struct LocalAddress {
    IpPrefix prefix{};
    Mac mac{};       // zero: the bond's own (a macvlan has one of its own)
    VlanTags tags{}; // what its frames carry on the members' wires
    bool operator==(const LocalAddress& o) const {
        return prefix == o.prefix && mac == o.mac &&
               std::equal(tags.begin(), tags.end(), o.tags.begin(), o.tags.end());
    }
};

inline constexpr std::size_t kMaxAddresses = 64; // of a bond, that are announced
using LocalAddresses = FixedVec<LocalAddress, kMaxAddresses>;

// The tags that the bond's frames carry, each kind once; the first: none.
using TagSets = FixedVec<VlanTags, kMaxAddresses + 1>;
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

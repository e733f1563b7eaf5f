// SPDX-License-Identifier: BSD-3-Clause
// An IP address that is reached through the bond: one of the logical interface itself or of a device that the
// kernel stacks on it (VLAN, macvlan). What announces or probes on its behalf goes by this. owner: control
// lcore; written by the host thread's view of rtnetlink.
#pragma once

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

} // namespace dpdkbond

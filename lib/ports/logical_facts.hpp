// SPDX-License-Identifier: BSD-3-Clause
// What the kernel wants of a logical interface that is a netdev: a plain record, for ordinary threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "base/mac.hpp"

namespace dpdkbond {

struct LogicalFacts {
    bool known = false; // else it is another device, or not looked at yet
    bool gone = false;  // its netdev was deleted
    std::string name{}; // of the netdev now
    bool up = false;
    Mac mac{};
    std::optional<Mac> mac_before_hand; // the bond's, before somebody gave the netdev another
    bool promiscuous = false, all_groups = false;
    std::size_t unicast = 0, groups = 0; // addresses besides its own, groups
    std::size_t addresses = 0;           // IP, of what is stacked on it too
    std::set<std::uint16_t> vlans;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What a bond wants of the devices below and above it, as a level: whoever carries it out compares it with
// what it did last, so that no change of it can be lost. Events say the same in words, for people only.
#pragma once

#include <cstdint>

namespace dpdkbond {

struct Wanted {
    bool carrier = false;         // of the logical interface
    std::uint32_t speed_mbps = 0; // of the logical interface; 0: not known
    std::uint64_t macs = 0;       // version of the MAC plan (Bond::mac_plan())
    std::uint64_t reports = 0;    // rises whenever multicast memberships are to be reported once more
    bool operator==(const Wanted&) const = default;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "bond/events.hpp"

namespace dpdkbond {

// What control tells the ordinary threads.
struct Notice {
    std::uint32_t bond = 0; // its number
    enum class Kind : std::uint8_t {
        event,
        macs,    // members or the logical interface are to wear others: the bond's mac_plan()
        reports, // of multicast memberships are to be sent again: the bond's send_by_active()
        speed,   // the bond's speed has changed: its status says
    } kind = Kind::event;
    Event event; // of that kind
};

} // namespace dpdkbond

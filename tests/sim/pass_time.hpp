// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>

#include "bond/bond.hpp"

namespace dpdkbond::testing {

// Lets virtual time pass and wakes the bond whenever it asked for it, and at the end.
inline void pass_time(Bond& bond, Time& now, Duration d) {
    const Time end = now + d;
    while (bond.next_deadline() <= end) {
        now = std::max(now, bond.next_deadline());
        bond.handle_timeout(now);
    }
    now = end;
    bond.handle_timeout(now);
}

} // namespace dpdkbond::testing

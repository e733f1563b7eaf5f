// SPDX-License-Identifier: BSD-3-Clause
// Receiving in the modes whose members are each reached by a MAC of their own (balance-alb, balance-spray).
#pragma once

#include <cstring>

#include "datapath/lane.hpp"

namespace dpdkbond {

// The quick part of take_by_mac(): from the front on, as long as frames are sent to the member's MAC (most
// are) and plain(frame's first bytes) says yes, they get the bond's and stay where they are. Returns how
// many. Worker threads only.
template <class Plain>
inline std::uint16_t take_own(const Snapshot& s, std::uint8_t member, rte_mbuf* const* frames,
                              std::uint16_t n, Plain plain) noexcept {
    const std::uint64_t own = s.mac[member], change = own ^ s.bond_mac;
    std::uint16_t i = 0;
    for (; i < n; ++i) {
        auto* const f = rte_pktmbuf_mtod(frames[i], std::uint8_t*);
        if (mac_key(f) != own || !plain(f)) break;
        if (change == 0) continue;
        std::uint64_t both; // the destination, and the first bytes of the source, which stay as they are
        std::memcpy(&both, f, 8);
        both ^= change;
        std::memcpy(f, &both, 8);
    }
    return i;
}

// Returns how many of a burst of this member go up, in front and in order; the others are freed and counted.
// What is sent to the member's MAC goes up with the bond's. On the active member also what is sent to
// another's: one that is lost is still known to neighbours for a moment. A switch that floods shows the rest
// on several members: it is heard once, on the active one. Worker threads only.
std::uint16_t take_by_mac(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept;

} // namespace dpdkbond

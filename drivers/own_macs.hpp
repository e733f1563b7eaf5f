// SPDX-License-Identifier: BSD-3-Clause
// Receiving in the modes whose members are each reached by a MAC of their own (balance-alb, balance-spray).
#pragma once

#include <cstring>

#include "base/bytes.hpp"
#include "datapath/lane.hpp"

namespace dpdkbond {

// Most frames are sent to the member's MAC and stay where they are: gives them the bond's, up to the first
// that is not or that plain(first bytes) refuses. Returns how many. Worker threads only.
template <class Plain>
inline std::uint16_t take_own(const Snapshot& s, std::uint8_t member, rte_mbuf* const* frames,
                              std::uint16_t n, Plain plain) noexcept {
    constexpr unsigned kSource = 16; // bits of the source's MAC behind the destination's, in 8 bytes
    const std::uint64_t own = s.mac[member], change = own ^ s.bond_mac;
    std::uint16_t i = 0;
    for (; i < n; ++i) {
        auto* const f = rte_pktmbuf_mtod(frames[i], std::uint8_t*);
        std::uint64_t first8;
        std::memcpy(&first8, f, 8);
        if (first8 << kSource != own << kSource || !plain(f)) break;
        if (change == 0) continue;
        first8 ^= change;
        std::memcpy(f, &first8, 8);
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

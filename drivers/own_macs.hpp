// SPDX-License-Identifier: BSD-3-Clause
// Receiving in the modes whose members are each reached by a MAC of their own (balance-alb, balance-spray).
#pragma once

#include <cstring>

#include "datapath/lane.hpp"

namespace dpdkbond {

// The quick part of take_by_mac(): from the front on, as long as frames are sent to the member's MAC (most
// are) and unlike(frame's first bytes) is 0, they get the bond's and stay where they are. Returns how
// many. Most bursts are such frames alone, which is found without a branch for each. Worker threads only.
template <class Unlike>
inline std::uint16_t take_own(const Snapshot& s, std::uint8_t member, rte_mbuf* const* frames,
                              std::uint16_t n, Unlike unlike) noexcept {
    const std::uint64_t own = s.mac[member], change = own ^ s.bond_mac;
    const auto other = [&](const std::uint8_t* f) { return (mac_key(f) ^ own) | unlike(f); };
    const auto bytes = [&](unsigned i) { return rte_pktmbuf_mtod(frames[i], std::uint8_t*); };
    std::uint64_t others = 0;
#pragma GCC unroll 4
    for (std::uint16_t i = 0; i < n; ++i) others |= other(bytes(i));
    std::uint16_t count = n;
    if (others != 0) [[unlikely]]
        for (count = 0; other(bytes(count)) == 0;) ++count;
    if (change == 0) return count;
    for (std::uint16_t i = 0; i < count; ++i) {
        std::uint64_t both; // the destination, and the first bytes of the source, which stay as they are
        std::memcpy(&both, bytes(i), 8);
        both ^= change;
        std::memcpy(bytes(i), &both, 8);
    }
    return count;
}

// take_own() of IPv4, and of IPv6 but for ICMPv6, for as many eights as are such frames alone. Returns how
// many frames that are.
std::uint16_t take_own_ip(const Snapshot& s, std::uint8_t member, rte_mbuf* const* frames,
                          std::uint16_t n) noexcept;

// Returns how many of a burst of this member go up, in front and in order; the others are freed and counted.
// What is sent to the member's MAC goes up with the bond's. On the active member also what is sent to
// another's: one that is lost is still known to neighbours for a moment. A switch that floods shows the rest
// on several members: it is heard once, on the active one. Worker threads only.
std::uint16_t take_by_mac(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept;

} // namespace dpdkbond

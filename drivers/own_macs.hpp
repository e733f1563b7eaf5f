// SPDX-License-Identifier: BSD-3-Clause
// Receiving in the modes whose members are each reached by a MAC of their own (balance-alb, balance-spray).
#pragma once

#include "datapath/lane.hpp"

namespace dpdkbond {

// From the front on, as long as frames are sent to the member's MAC and are IPv4, or IPv6 but for ICMPv6:
// they get the bond's MAC and stay where they are. Returns how many. Most bursts are such frames alone, which
// with SSE is found eight at a time, without a branch for each. Worker threads only.
std::uint16_t take_own_ip(const Snapshot& s, std::uint8_t member, rte_mbuf* const* frames,
                          std::uint16_t n) noexcept;

// Returns how many of a burst of this member go up, in front and in order; the others are freed and counted.
// What is sent to the member's MAC goes up with the bond's. On the active member also what is sent to
// another's: one that is lost is still known to neighbours for a moment. A switch that floods shows the rest
// on several members: it is heard once, on the active one. Worker threads only.
std::uint16_t take_by_mac(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept;

} // namespace dpdkbond

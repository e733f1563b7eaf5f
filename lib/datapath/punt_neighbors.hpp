// SPDX-License-Identifier: BSD-3-Clause
// Lets control listen to the neighbours: ARP, neighbour solicitations and advertisements, behind up to two
// tags. Control gets a copy; the frame itself goes its way.
#pragma once

#include "datapath/lane.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

// Whether it is worth to ask is_neighbor_frame(): ARP, ICMPv6, or anything behind a tag. f: the first 21
// bytes, type: the Ethernet type in them.
inline bool may_be_neighbor_frame(const std::uint8_t* f, std::uint16_t type) noexcept {
    return type == ethertype::arp || is_vlan_ethertype(type) || (type == ethertype::ipv6 && f[20] == 58);
}

// A PuntFn that takes nothing out. A copy that finds no buffer or no room is counted as copies_lost. An IPv4
// frame without a tag costs one comparison. Worker threads only.
std::uint16_t punt_neighbors(Lane& lane, const Snapshot&, std::uint8_t member, rte_mbuf** frames,
                             std::uint16_t n) noexcept;

} // namespace dpdkbond

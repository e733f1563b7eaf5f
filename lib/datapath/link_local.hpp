// SPDX-License-Identifier: BSD-3-Clause
// Lets the host's taps of members (member_taps) have what is between the two ends of a member's wire: frames
// to 01-80-C2-00-00-00 … -0F but slow protocols, by way of control.
#pragma once

#include "bond/rx_filter.hpp"
#include "datapath/lane.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

// In mbuf->port of a frame that a worker gives to control: it is for the tap of the member in the lower byte.
inline constexpr std::uint16_t kForTap = 0x100;

// Whether a tap carries a frame that begins with these 14 bytes.
inline bool is_tapped(const std::uint8_t* header) noexcept {
    return is_link_local_key(mac_key(header)) && load_be16(header + 12) != ethertype::slow;
}

// Gives control those of a burst: a copy where the bond takes the frame too (the logical interface gets
// link-local frames, as on Linux), else the frame itself. Returns how many stay, in front and in order.
// Worker threads only.
[[gnu::cold]] std::uint16_t give_to_tap(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                                        std::uint16_t n) noexcept;

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Is a frame IGMP (RFC 1112, 2236, 3376)? Pure; any thread; no allocation.
#pragma once

#include "base/bytes.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

inline constexpr std::uint8_t kIpProtoIgmp = 2;

// True for an IPv4 frame, tagged or not, whose first fragment carries IGMP.
inline bool is_igmp_frame(Bytes frame) {
    const auto eth = parse_eth(frame);
    if (!eth || eth->type != ethertype::ipv4) return false;
    const Bytes ip = frame.subspan(eth->payload_offset);
    constexpr std::size_t kMinHeader = 20;
    if (ip.size() < kMinHeader || (ip[0] >> 4U) != 4) return false;
    const std::size_t header = std::size_t{ip[0] & 0xfU} * 4;
    const bool first_fragment = (load_be16(ip.data() + 6) & 0x1fffU) == 0;
    return header >= kMinHeader && header < ip.size() && first_fragment && ip[9] == kIpProtoIgmp;
}

} // namespace dpdkbond

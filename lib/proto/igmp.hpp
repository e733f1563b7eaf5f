// SPDX-License-Identifier: BSD-3-Clause
// IGMP (RFC 1112, 2236, 3376): is a frame it, and membership reports. Pure; any thread; no allocation.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/ip.hpp"
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

enum class IgmpVersion : std::uint8_t { v1 = 1, v2 = 2, v3 = 3 };

// Writes the frame by which a host says that it is a member of `group`, from whatever source; returns its
// length (60, and 4 for each tag), 0 when `out` is too small. As Linux sends it: router alert, TTL 1.
std::size_t build_igmp_report(MutableBytes out, Mac source, Ipv4 address, Ipv4 group, IgmpVersion version,
                              const VlanTags& tags = {});

// 01:00:5e and the lower 23 bits (RFC 1112 6.4).
Mac multicast_mac(Ipv4 group);

} // namespace dpdkbond

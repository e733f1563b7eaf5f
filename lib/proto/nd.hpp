// SPDX-License-Identifier: BSD-3-Clause
// IPv6 neighbour solicitation and advertisement (RFC 4861). Pure; any thread; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

enum class NdType : std::uint8_t { solicitation = 135, advertisement = 136 };

struct NdPacket {
    NdType type = NdType::solicitation;
    Ipv6 source{};      // of the IPv6 header; unspecified while an address is tested for duplicates
    Ipv6 destination{}; // of the IPv6 header
    Ipv6 target{};
    bool router = false, solicited = false, override_flag = false; // advertisement only
    std::optional<Mac> link_address{}; // source (solicitation) or target (advertisement) link-layer option
    bool operator==(const NdPacket&) const = default;
};

// Reads the IPv6 header and what follows it. nullopt: no NS or NA directly behind the IPv6 header, or one
// that RFC 4861 7.1 has a node discard (hop limit not 255, code not 0, bad checksum, multicast target, an
// option of length zero).
std::optional<NdPacket> parse_nd(Bytes ipv6_packet);
// The same for a whole frame, tagged or not.
std::optional<NdPacket> parse_nd_frame(Bytes frame);

// Whether a solicitation or an advertisement stands directly behind this IPv6 header: a look, not a check.
bool is_neighbor_discovery(Bytes ipv6_packet) noexcept;
// ARP or neighbour discovery, tagged or not.
bool is_neighbor_frame(Bytes frame) noexcept;

// Both write a whole frame and return its length (86, and 4 for each tag), 0 when `out` is too small.
// "Our `address` is at `source`", to all nodes (ff02::1), override set, with the target link-layer option.
// `router`: the node forwards IPv6. Without the flag hosts drop the node from their default routers.
std::size_t build_unsolicited_na(MutableBytes out, Mac source, Ipv6 address, bool router,
                                 const VlanTags& tags = {});
// The same to one node alone.
std::size_t build_na(MutableBytes out, Mac destination, Mac source, Ipv6 destination_address, Ipv6 address,
                     bool router, const VlanTags& tags = {});
// "Who has `target`", to its solicited-node group, with the source link-layer option.
// When `source_address` is unspecified the option is left out (RFC 4861 4.3) and the frame is 8 bytes
// shorter.
std::size_t build_ns(MutableBytes out, Mac source, Ipv6 source_address, Ipv6 target,
                     const VlanTags& tags = {});

// Puts another MAC into the link-layer option of a solicitation (source) or advertisement (target) and mends
// the checksum. False, and no change: parse_nd_frame() finds no such option in the frame.
bool set_nd_link_address(MutableBytes frame, const Mac& mac);

// ff02::1:ffXX:XXXX and its MAC 33:33:ff:XX:XX:XX.
Ipv6 solicited_node_group(Ipv6 target);
Mac multicast_mac(Ipv6 group);

} // namespace dpdkbond

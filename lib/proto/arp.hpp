// SPDX-License-Identifier: BSD-3-Clause
// ARP for IPv4 over Ethernet (RFC 826). Pure; any thread; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

enum class ArpOp : std::uint16_t { request = 1, reply = 2 };

inline constexpr std::size_t kArpSize = 28;

struct ArpPacket {
    ArpOp op = ArpOp::request;
    Mac sender_mac{};
    Ipv4 sender_ip{};
    Mac target_mac{};
    Ipv4 target_ip{};
    bool operator==(const ArpPacket&) const = default;
    // RFC 5227: an announcement names the same address twice.
    [[nodiscard]] bool is_gratuitous() const { return sender_ip == target_ip; }
};

// Reads the payload behind the Ethernet header and tags. nullopt: too short, not IPv4 over Ethernet, or an
// operation other than request and reply.
std::optional<ArpPacket> parse_arp(Bytes payload);
// The same for a whole frame, tagged or not. nullopt also when it is no ARP frame.
std::optional<ArpPacket> parse_arp_frame(Bytes frame);

// Writes a whole frame, padded to 60 bytes (and 4 for each tag). Returns its length, 0 when `out` is too
// small.
std::size_t build_arp(MutableBytes out, Mac destination, Mac source, const ArpPacket& packet,
                      const VlanTags& tags = {});

// The announcement that Linux sends: a broadcast request, sender = target = `address`, target MAC zero.
std::size_t build_gratuitous_arp(MutableBytes out, Mac source, Ipv4 address, const VlanTags& tags = {});

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The six transmit hashes of Linux bonding (xmit_hash_policy), bit for bit, from the bytes of a frame.
//
// All functions: any thread, noexcept, no state, no allocation; they never read at or beyond frame[len].
// `len` counts the readable bytes from the Ethernet header on (of a chained buffer: the first segment); what
// a header needs and is not there counts as absent, as in Linux. The member is hash mod count.
//
// Where a frame carries tags (0x8100, 0x88a8), Linux depends on who made them: the outermost tag that a VLAN
// device made, or that was taken off on receive, lies beside the frame, and the hash sees the frame without
// it. Here the outermost tag is treated so whoever made it. Deviations, all from Linux's dependence on where
// a frame came from:
//  - tags written by a raw sender count as tags (Linux: the frame then hashes by layer2, with 0x8100 as its
//  type);
//  - layer2+3 and layer3+4 look behind a second tag too (Linux: layer2);
//  - encap3+4 is always computed from the frame (Linux prefers a hash that the sender's socket or the
//  receiving NIC left);
//  - encap: TIPC keepalives hash by their node as other TIPC frames do (Linux: at random).
#pragma once

#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"
#include "options/options.hpp"

namespace dpdkbond {

// Any frame, the whole of the rules, without fast path: what flow_hash() must equal.
[[gnu::cold, gnu::noinline]] std::uint32_t flow_hash_slow(HashPolicy p, const std::uint8_t* frame,
                                                          std::uint32_t len) noexcept;

namespace flow_hash_detail {

inline std::uint64_t load_raw64(const std::uint8_t* p) {
    std::uint64_t v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

// Offsets in an untagged frame.
inline constexpr std::uint32_t kV4End = 14 + 20, kV6End = 14 + 40, kPorts = 4;

// dst[5] ^ src[5] ^ type with the type's value: the frame is at least 14 bytes long.
inline std::uint32_t layer2_value(const std::uint8_t* frame, std::uint32_t type) noexcept {
    return static_cast<std::uint32_t>(frame[5] ^ frame[11]) ^ type;
}

inline std::uint32_t fold(std::uint32_t h) noexcept {
    h ^= h >> 16U;
    return h ^ (h >> 8U);
}

inline bool is_tag(std::uint32_t type) noexcept { return type == 0x8100U || type == 0x88a8U; }
inline bool is_tcp_or_udp(std::uint32_t protocol) noexcept { return (protocol == 6U) | (protocol == 17U); }
inline bool is_icmp(std::uint32_t protocol) noexcept { return (protocol == 1U) | (protocol == 58U); }

constexpr bool uses_layer2(HashPolicy p) { return p == HashPolicy::layer23 || p == HashPolicy::encap23; }

// Whether the header at frame[14] can be hashed from fixed offsets. One expression of ANDs each, so one
// branch.
template <HashPolicy P> inline bool plain_ipv4(const std::uint8_t* frame, std::uint32_t len) noexcept {
    if (len < kV4End + kPorts) [[unlikely]]
        return false;
    const std::uint32_t type_and_ihl = load_raw32(frame + 12) & 0x00ffffffU; // 08 00 45
    const std::uint32_t fragment_ttl_protocol = load_raw32(frame + 20);
    const std::uint32_t protocol = fragment_ttl_protocol >> 24U;
    if constexpr (P == HashPolicy::layer23)
        return ((type_and_ihl & 0xffffU) == 0x0008U) & !is_icmp(protocol);
    else
        return (((type_and_ihl ^ 0x00450008U) | (fragment_ttl_protocol & 0x0000ff3fU)) == 0) &
               is_tcp_or_udp(protocol);
}

template <HashPolicy P> inline bool plain_ipv6(const std::uint8_t* frame, std::uint32_t len) noexcept {
    if (len < kV6End + kPorts) return false;
    const std::uint32_t next_header = frame[20];
    if constexpr (P == HashPolicy::layer23)
        return (load_raw16(frame + 12) == 0xdd86U) & !is_icmp(next_header);
    else
        return (load_raw16(frame + 12) == 0xdd86U) & is_tcp_or_udp(next_header);
}

template <HashPolicy P> inline std::uint32_t ip_hash(std::uint32_t start, std::uint32_t addresses) noexcept {
    const std::uint32_t h = fold(start ^ addresses);
    return uses_layer2(P) ? h : h >> 1U;
}

template <HashPolicy P>
inline std::uint32_t ip_flow_hash(const std::uint8_t* frame, std::uint32_t len) noexcept {
    if (plain_ipv4<P>(frame, len)) [[likely]] {
        const std::uint32_t start = uses_layer2(P) ? layer2_value(frame, 0x0800) : load_raw32(frame + kV4End);
        return ip_hash<P>(start, load_raw32(frame + 26) ^ load_raw32(frame + 30));
    }
    if (plain_ipv6<P>(frame, len)) [[likely]] {
        const std::uint64_t x =
            load_raw64(frame + 22) ^ load_raw64(frame + 30) ^ load_raw64(frame + 38) ^ load_raw64(frame + 46);
        const std::uint32_t start = uses_layer2(P) ? layer2_value(frame, 0x86dd) : load_raw32(frame + kV6End);
        return ip_hash<P>(start, static_cast<std::uint32_t>(x ^ (x >> 32U)));
    }
    return flow_hash_slow(P, frame, len);
}

} // namespace flow_hash_detail

// The hash of one frame. Untagged IPv4 and IPv6 with TCP or UDP is inline, the rest out of line.
template <HashPolicy P>
inline std::uint32_t flow_hash(const std::uint8_t* frame, std::uint32_t len) noexcept {
    using namespace flow_hash_detail;
    if constexpr (P == HashPolicy::layer2 || P == HashPolicy::vlan_srcmac) {
        if (len < 14) [[unlikely]]
            return 0;
        const std::uint32_t type = load_be16(frame + 12);
        if (is_tag(type)) [[unlikely]]
            return flow_hash_slow(P, frame, len);
        if constexpr (P == HashPolicy::layer2) return layer2_value(frame, type);
        return (load_be32(frame + 6) >> 8U) ^ (load_be32(frame + 8) & 0xffffffU);
    } else {
        return ip_flow_hash<P>(frame, len);
    }
}

// hash_seed: what two tiers of bonds make of one flow has nothing in common when their seeds differ. Flows of
// different hashes stay different (each step can be undone). 0: the hash as it is.
constexpr std::uint32_t seeded_hash(std::uint32_t hash, std::uint32_t seed) noexcept {
    if (seed == 0) return hash;
    std::uint32_t h = hash ^ seed * 0x9e37'79b1U;
    h = (h ^ h >> 16U) * 0x85eb'ca6bU;
    h = (h ^ h >> 13U) * 0xc2b2'ae35U;
    return h ^ h >> 16U;
}

// The same with the policy known at run time: for `explain`, learning and tests rather than for every frame.
std::uint32_t flow_hash(HashPolicy p, const std::uint8_t* frame, std::uint32_t len) noexcept;

} // namespace dpdkbond

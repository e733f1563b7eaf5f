// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/by_load.hpp"

#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kIpv6Header = 40;

bool is_neighbor_discovery(Bytes ip) {
    constexpr std::size_t kNextHeader = 6;
    constexpr std::uint8_t kIcmpv6 = 58, kSolicitation = 135, kAdvertisement = 136;
    return ip.size() > kIpv6Header && ip[kNextHeader] == kIcmpv6 &&
           (ip[kIpv6Header] == kSolicitation || ip[kIpv6Header] == kAdvertisement);
}

} // namespace

bool is_spread(Bytes frame) noexcept {
    const auto eth = parse_eth(frame);
    if (!eth || eth->destination.is_multicast()) return false;
    if (eth->type == ethertype::ipv4) return true;
    return eth->type == ethertype::ipv6 && !is_neighbor_discovery(frame.subspan(eth->payload_offset));
}

std::uint32_t destination_hash(Bytes frame) noexcept {
    const auto eth = parse_eth(frame);
    if (!eth) return 0;
    const Bytes ip = frame.subspan(eth->payload_offset);
    std::uint32_t h = 0;
    if (eth->type == ethertype::ipv4 && ip.size() >= 20)
        for (std::size_t i = 16; i < 20; ++i) h ^= ip[i];
    if (eth->type == ethertype::ipv6 && ip.size() >= kIpv6Header)
        for (std::size_t i = 24; i < kIpv6Header; ++i) h ^= ip[i];
    return h;
}

bool is_neighbor_frame(Bytes frame) noexcept {
    const auto eth = parse_eth(frame);
    if (!eth) return false;
    return eth->type == ethertype::arp ||
           (eth->type == ethertype::ipv6 && is_neighbor_discovery(frame.subspan(eth->payload_offset)));
}

} // namespace dpdkbond

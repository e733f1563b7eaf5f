// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/by_load.hpp"

#include "flow/hash.hpp"
#include "proto/eth.hpp"
#include "proto/nd.hpp"

namespace dpdkbond {

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
    constexpr std::size_t kIpv6Header = 40;
    std::uint32_t h = 0;
    if (eth->type == ethertype::ipv4 && ip.size() >= 20)
        for (std::size_t i = 16; i < 20; ++i) h ^= ip[i];
    if (eth->type == ethertype::ipv6 && ip.size() >= kIpv6Header)
        for (std::size_t i = 24; i < kIpv6Header; ++i) h ^= ip[i];
    return h;
}

Placing place_by_hash(const BondOptions& options, Bytes frame) {
    return {is_spread(frame),
            flow_hash(options.xmit_hash_policy, frame.data(), static_cast<std::uint32_t>(frame.size())),
            bond_option_text(options, *find_option("xmit_hash_policy"))};
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/by_load.hpp"

#include "drivers/by_hash.hpp"
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

namespace {

template <HashPolicy Policy>
void count_by_map(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (s.buckets != 0 && is_counted(lane)) {
        for (std::uint16_t i = 0; i < n; ++i) {
            const Bytes f = bytes_of(frames[i]);
            const std::size_t bucket =
                is_spread(f)
                    ? s.bucket_mod(seeded_hash(
                          flow_hash<Policy>(f.data(), static_cast<std::uint32_t>(f.size())), s.hash_seed))
                    : kMaxBuckets;
            lane.flows.bytes[bucket].add(std::uint64_t{frames[i]->pkt_len} * kCountedBursts);
        }
        sample_flow(lane, frames, n);
    }
    s.counted(lane, s, frames, n);
}

} // namespace

TxBurstFn counting_by_map(const BondOptions& options) {
    if (options.tlb_dynamic_lb) return nullptr;
    return with_policy(options.xmit_hash_policy,
                       []<HashPolicy Policy>() -> TxBurstFn { return count_by_map<Policy>; });
}

Placing place_by_hash(const BondOptions& options, Bytes frame) {
    const std::uint32_t hash =
        flow_hash(options.xmit_hash_policy, frame.data(), static_cast<std::uint32_t>(frame.size()));
    return {is_spread(frame), options.tlb_dynamic_lb ? hash : seeded_hash(hash, options.hash_seed),
            bond_option_text(options, *find_option("xmit_hash_policy"))};
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/checksum.hpp"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace dpdkbond {

namespace {

struct Layer4 {
    std::uint8_t protocol = 0;
    std::uint32_t offset = 0;     // of the L4 header
    std::uint32_t length = 0;     // of L4 header and payload
    std::uint16_t pseudo_sum = 0; // as it would stand in an unfinished field
};

std::uint16_t field_offset(std::uint8_t protocol) {
    if (protocol == IPPROTO_TCP) return offsetof(rte_tcp_hdr, cksum);
    if (protocol == IPPROTO_UDP) return offsetof(rte_udp_hdr, dgram_cksum);
    return 0;
}

std::optional<Layer4> ipv4(const rte_mbuf* m, std::uint32_t at) {
    if (m->data_len < at + sizeof(rte_ipv4_hdr)) return std::nullopt;
    const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, at);
    const std::uint32_t header = rte_ipv4_hdr_len(ip);
    const std::uint32_t total = rte_be_to_cpu_16(ip->total_length);
    const bool fragment = (ip->fragment_offset & rte_cpu_to_be_16(0x3fff)) != 0;
    if (fragment || header < sizeof(rte_ipv4_hdr) || total < header || at + total > m->pkt_len)
        return std::nullopt;
    if (field_offset(ip->next_proto_id) == 0) return std::nullopt;
    return Layer4{ip->next_proto_id, at + header, total - header, rte_ipv4_phdr_cksum(ip, 0)};
}

std::optional<Layer4> ipv6(const rte_mbuf* m, std::uint32_t at) {
    if (m->data_len < at + sizeof(rte_ipv6_hdr)) return std::nullopt;
    const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv6_hdr*, at);
    const std::uint32_t payload = rte_be_to_cpu_16(ip->payload_len);
    if (at + sizeof(rte_ipv6_hdr) + payload > m->pkt_len || field_offset(ip->proto) == 0) return std::nullopt;
    return Layer4{ip->proto, at + static_cast<std::uint32_t>(sizeof(rte_ipv6_hdr)), payload,
                  rte_ipv6_phdr_cksum(ip, 0)};
}

std::optional<Layer4> layer4(const rte_mbuf* m) {
    std::uint32_t at = sizeof(rte_ether_hdr);
    if (m->data_len < at) return std::nullopt;
    std::uint16_t type = rte_pktmbuf_mtod(m, const rte_ether_hdr*)->ether_type;
    for (int tags = 0; tags < 2 && (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) ||
                                    type == rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ));
         ++tags) {
        if (m->data_len < at + sizeof(rte_vlan_hdr)) return std::nullopt;
        type = rte_pktmbuf_mtod_offset(m, const rte_vlan_hdr*, at)->eth_proto;
        at += sizeof(rte_vlan_hdr);
    }
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) return ipv4(m, at);
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)) return ipv6(m, at);
    return std::nullopt;
}

} // namespace

// rte_raw_cksum_mbuf() of DPDK 22.11 loses carries behind a segment of odd length.
std::uint16_t raw_sum(const rte_mbuf* m, std::uint32_t from, std::uint32_t length) noexcept {
    for (; from >= m->data_len; m = m->next) from -= m->data_len;
    std::uint32_t sum = 0;
    for (std::uint32_t done = 0; done < length; m = m->next, from = 0) {
        const std::uint32_t here = std::min(m->data_len - from, length - done);
        const std::uint16_t part = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void*, from), here);
        sum += done % 2 == 0 ? part : rte_bswap16(part);
        done += here;
    }
    return __rte_raw_cksum_reduce(sum);
}

bool complete_checksum(rte_mbuf* m) noexcept {
    const auto l4 = layer4(m);
    if (!l4) return false;
    const std::uint16_t at = field_offset(l4->protocol);
    if (l4->length < at + 2U || m->data_len < l4->offset + at + 2U) return false;
    auto* field = rte_pktmbuf_mtod_offset(m, unaligned_uint16_t*, l4->offset + at);
    if (*field != l4->pseudo_sum) return false;
    // The field holds the pseudo header's sum, so summing header and payload as they stand gives the whole.
    auto sum = static_cast<std::uint16_t>(~raw_sum(m, l4->offset, l4->length));
    if (sum == 0 && l4->protocol == IPPROTO_UDP) sum = 0xffff;
    *field = sum;
    return true;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/tcp_segment.hpp"

#include <netinet/in.h>
#include <rte_ip.h>

#include <cstring>

#include "base/bytes.hpp"
#include "datapath/checksum.hpp"
#include "datapath/offload.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint32_t kEthernet = 14, kTag = 4, kIpv4 = 20, kIpv6 = 40, kTcp = 20;
constexpr std::uint16_t kFragment = 0x3fff; // more fragments, and the offset

const std::uint8_t* bytes_of(const rte_mbuf* m) noexcept { return rte_pktmbuf_mtod(m, const std::uint8_t*); }

} // namespace

bool read_tcp_segment(const rte_mbuf* m, TcpSegment& out) noexcept {
    const std::uint8_t* const f = bytes_of(m);
    const std::uint32_t have = m->data_len;
    std::uint32_t at = kEthernet;
    if (have < kEthernet + kIpv4 + kTcp) return false;
    std::uint16_t type = load_be16(f + 12);
    for (int tags = 0; tags < 2 && is_vlan_ethertype(type); ++tags, at += kTag) type = load_be16(f + at + 2);
    const std::uint8_t* const ip = f + at;
    std::uint32_t total = 0; // bytes from the IP header on
    if (type == ethertype::ipv4) {
        if (have < at + kIpv4 + kTcp || ip[0] != 0x45 || ip[9] != IPPROTO_TCP ||
            (load_be16(ip + 6) & kFragment) != 0)
            return false;
        out.l3 = kIpv4;
        out.v6 = false;
        total = load_be16(ip + 2);
    } else if (type == ethertype::ipv6) {
        if (have < at + kIpv6 + kTcp || (ip[0] & 0xf0U) != 0x60 || ip[6] != IPPROTO_TCP) return false;
        out.l3 = kIpv6;
        out.v6 = true;
        total = kIpv6 + load_be16(ip + 4);
    } else {
        return false;
    }
    const std::uint8_t* const tcp = ip + out.l3;
    const std::uint32_t l4 = (tcp[12] >> 4U) * 4U;
    const std::uint32_t headers = at + out.l3 + l4;
    if (l4 < kTcp || have < headers || at + total > m->pkt_len || at + total < headers) return false;
    out.l2 = static_cast<std::uint8_t>(at);
    out.l4 = static_cast<std::uint8_t>(l4);
    out.flags = tcp[13];
    out.seq = load_be32(tcp + 4);
    out.payload = at + total - headers;
    out.padded = at + total != m->pkt_len;
    return true;
}

TcpFlowKey flow_key(const rte_mbuf* m, const TcpSegment& s) noexcept {
    const std::uint8_t* const f = bytes_of(m);
    TcpFlowKey key;
    if (s.v6)
        std::memcpy(key.addresses.data(), f + s.l2 + 8, 32);
    else
        std::memcpy(key.addresses.data(), f + s.l2 + 12, 8);
    std::memcpy(&key.ports, f + s.l2 + s.l3, sizeof key.ports);
    key.tag = s.l2 > kEthernet ? load_be16(f + kEthernet) : 0;
    key.v6 = s.v6 ? 1 : 0;
    return key;
}

std::uint32_t TcpFlowKey::hash() const noexcept {
    std::uint64_t words[4];
    std::memcpy(words, addresses.data(), sizeof words);
    constexpr std::uint64_t k = 0x9e37'79b9'7f4a'7c15ULL;
    std::uint64_t h = (words[0] ^ ports) * k;
    if (v6 != 0) h = (h ^ words[1] ^ (words[2] * k) ^ (words[3] << 7U)) * k;
    return static_cast<std::uint32_t>((h ^ tag) * k >> 32U);
}

bool has_good_checksums(rte_mbuf* m, const TcpSegment& s) noexcept {
    const std::uint8_t* const ip = bytes_of(m) + s.l2;
    if (!s.v6 && rte_raw_cksum(ip, kIpv4) != 0xffff) return false; // nobody has told of this one
    if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM) return true;
    const std::uint64_t told = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if (told == RTE_MBUF_F_RX_L4_CKSUM_GOOD) return true;
    if (told == RTE_MBUF_F_RX_L4_CKSUM_BAD) return false;
    const std::uint32_t start = std::uint32_t{s.l2} + s.l3, length = m->pkt_len - start;
    if (__rte_raw_cksum_reduce(pseudo_sum(ip, s.v6, IPPROTO_TCP, length) + raw_sum(m, start, length)) !=
        0xffff)
        return false;
    m->ol_flags = (m->ol_flags & ~RTE_MBUF_F_RX_L4_CKSUM_MASK) | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    return true;
}

} // namespace dpdkbond

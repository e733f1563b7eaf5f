// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/offload.hpp"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "datapath/checksum.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint32_t kTcpField = offsetof(rte_tcp_hdr, cksum),
                        kUdpField = offsetof(rte_udp_hdr, dgram_cksum);
constexpr std::uint32_t kMostL2 = 127, kMostL3 = 511; // the width of the mbuf's fields

bool is_tag(std::uint16_t type) {
    return type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) || type == rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ);
}

// Where the network header starts; `type` is set to what it is.
std::uint32_t network_header(const rte_mbuf* m, std::uint16_t& type) {
    std::uint32_t at = sizeof(rte_ether_hdr);
    type = rte_pktmbuf_mtod(m, const rte_ether_hdr*)->ether_type;
    for (int tags = 0; tags < 2 && is_tag(type) && m->data_len >= at + sizeof(rte_vlan_hdr); ++tags) {
        type = rte_pktmbuf_mtod_offset(m, const rte_vlan_hdr*, at)->eth_proto;
        at += sizeof(rte_vlan_hdr);
    }
    return at;
}

// Behind the headers of IPv6 that a sender on this machine puts there: the next header, and where it starts.
std::uint32_t behind_options(const rte_mbuf* m, std::uint32_t at, std::uint32_t end, std::uint8_t& next) {
    while (at + 2 <= end && (next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING)) {
        const auto* option = rte_pktmbuf_mtod_offset(m, const std::uint8_t*, at);
        next = option[0];
        at += 8U + 8U * option[1];
    }
    return at;
}

// Where the transport's header starts, and whose it is; 0: the frame has none in its first buffer.
std::uint32_t transport_header(const rte_mbuf* m, std::uint8_t& protocol) {
    std::uint16_t type = 0;
    std::uint32_t at = network_header(m, type);
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) && m->data_len >= at + sizeof(rte_ipv4_hdr)) {
        const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, at);
        protocol = ip->next_proto_id;
        return at + rte_ipv4_hdr_len(ip);
    }
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6) && m->data_len >= at + sizeof(rte_ipv6_hdr)) {
        protocol = rte_pktmbuf_mtod_offset(m, const rte_ipv6_hdr*, at)->proto;
        return behind_options(m, at + static_cast<std::uint32_t>(sizeof(rte_ipv6_hdr)), m->data_len,
                              protocol);
    }
    return 0;
}

void complete_at(rte_mbuf* m, std::uint32_t start, std::uint32_t offset, bool never_zero) {
    auto sum = static_cast<std::uint16_t>(~raw_sum(m, start, m->pkt_len - start));
    if (sum == 0 && never_zero) sum = 0xffff;
    // A local peer may say that it starts at an odd place.
    std::memcpy(rte_pktmbuf_mtod_offset(m, char*, start + offset), &sum, sizeof sum);
}

void sum_layer4(const rte_mbuf* piece, std::uint32_t l3_at, std::uint32_t l4_at, std::uint32_t field_at,
                bool v4, bool udp) {
    const std::uint32_t length = piece->pkt_len - l4_at;
    auto* field = rte_pktmbuf_mtod_offset(piece, unaligned_uint16_t*, l4_at + field_at);
    *field = 0;
    const std::uint32_t sum = pseudo_sum(rte_pktmbuf_mtod_offset(piece, const std::uint8_t*, l3_at), !v4,
                                         udp ? IPPROTO_UDP : IPPROTO_TCP, length) +
                              rte_raw_cksum(rte_pktmbuf_mtod_offset(piece, const void*, l4_at), length);
    auto folded = static_cast<std::uint16_t>(~__rte_raw_cksum_reduce(sum));
    if (folded == 0 && udp) folded = 0xffff;
    *field = folded;
}

// Whether its checksum is that of a TCP or UDP header right behind an IP header without extensions, behind at
// most one tag: what all hardware and rte_net_intel_cksum_prepare() can find. Linux does not leave work of
// frames with two tags to hardware either.
bool is_plain_undone(const rte_mbuf* m) {
    const std::uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    const bool udp = l4 == RTE_MBUF_F_TX_UDP_CKSUM;
    if (!udp && l4 != RTE_MBUF_F_TX_TCP_CKSUM) return false;
    const std::uint32_t l2 = m->l2_len, l3 = m->l3_len;
    if (l2 > sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr)) return false;
    if (m->data_len < l2 + l3 + (udp ? sizeof(rte_udp_hdr) : sizeof(rte_tcp_hdr))) return false;
    const std::uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
    const auto has_length = [&](std::uint32_t length) { return is_super(m) || l2 + length == m->pkt_len; };
    if ((m->ol_flags & RTE_MBUF_F_TX_IPV4) != 0) {
        if (l3 < sizeof(rte_ipv4_hdr)) return false;
        const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, l2);
        constexpr std::uint16_t fragment = RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK;
        return rte_ipv4_hdr_len(ip) == l3 && ip->next_proto_id == protocol &&
               (ip->fragment_offset & rte_cpu_to_be_16(fragment)) == 0 &&
               has_length(rte_be_to_cpu_16(ip->total_length));
    }
    if ((m->ol_flags & RTE_MBUF_F_TX_IPV6) == 0 || l3 != sizeof(rte_ipv6_hdr)) return false;
    const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv6_hdr*, l2);
    return ip->proto == protocol && has_length(l3 + rte_be_to_cpu_16(ip->payload_len));
}

// Whether no segment of a super-frame lies in more buffers than `most`, its headers' own reading counted. One
// that lies in n buffers has all bytes of n - 2 of them.
bool segments_are_in_few_buffers(const rte_mbuf* m, unsigned most) {
    if (m->nb_segs < most) return true;
    if (most < 3) return false;
    const rte_mbuf* first = m->next; // of most - 2 in a row
    const rte_mbuf* next = first;
    std::uint32_t bytes = 0;
    for (unsigned n = 0; n < most - 2; ++n, next = next->next) bytes += next->data_len;
    for (;; next = next->next, first = first->next) {
        if (next == nullptr) return true; // no segment goes on behind the last buffer
        if (bytes < m->tso_segsz) return false;
        bytes += next->data_len;
        bytes -= first->data_len;
    }
}

} // namespace

bool prepare_for_nic(rte_mbuf* m, Offloads nic, const NicLimits& limits) noexcept {
    if (!is_nic(nic) || !is_plain_undone(m)) return false;
    if (!is_super(m)) return m->nb_segs <= limits.buffers_a_segment; // its field has the right sum already
    if (nic != Offloads::nic_tcp || !is_plain_tcp_super(m) || m->tso_segsz == 0 ||
        m->pkt_len <= longest_frame(m) || m->nb_segs > limits.buffers ||
        !segments_are_in_few_buffers(m, limits.buffers_a_segment) || rte_mbuf_refcnt_read(m) != 1)
        return false;
    const std::uint32_t l2 = m->l2_len, l3 = m->l3_len;
    const auto* ip = rte_pktmbuf_mtod_offset(m, const std::uint8_t*, l2);
    const bool v6 = (m->ol_flags & RTE_MBUF_F_TX_IPV6) != 0;
    if (!v6) {
        rte_pktmbuf_mtod_offset(m, rte_ipv4_hdr*, l2)->hdr_checksum = 0;
        m->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
        if (limits.ip_checksum) m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
    }
    // Hardware adds each segment's length.
    rte_pktmbuf_mtod_offset(m, rte_tcp_hdr*, l2 + l3)->cksum =
        __rte_raw_cksum_reduce(pseudo_sum(ip, v6, IPPROTO_TCP, 0));
    return true;
}

bool leave_checksum(rte_mbuf* m, std::uint32_t start, std::uint32_t offset) noexcept {
    if (start < sizeof(rte_ether_hdr) || start + offset + 2 > m->data_len) return false;
    std::uint16_t type = 0;
    const std::uint32_t l2 = std::min(network_header(m, type), start);
    if ((offset != kTcpField && offset != kUdpField) || l2 > kMostL2 || start - l2 > kMostL3) {
        complete_at(m, start, offset, false);
        return true;
    }
    m->l2_len = l2;
    m->l3_len = start - l2;
    m->ol_flags |= offset == kTcpField ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
        m->ol_flags |= RTE_MBUF_F_TX_IPV4;
    else if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
        m->ol_flags |= RTE_MBUF_F_TX_IPV6;
    return true;
}

bool is_plain_tcp_super(const rte_mbuf* m) noexcept {
    if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) == 0) return false;
    const auto* tcp = rte_pktmbuf_mtod_offset(m, const rte_tcp_hdr*, m->l2_len + m->l3_len);
    return (tcp->tcp_flags & RTE_TCP_CWR_FLAG) == 0;
}

void read_virtio_flags(rte_mbuf* m) noexcept {
    if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE) return;
    const bool super = (m->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
    m->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO);
    std::uint8_t protocol = 0;
    const std::uint32_t start = transport_header(m, protocol);
    if (start == 0) return;
    if (super && protocol == IPPROTO_TCP && m->tso_segsz != 0 && describe_super(m, start, true)) return;
    if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
        leave_checksum(m, start, protocol == IPPROTO_TCP ? kTcpField : kUdpField);
}

void complete_undone(rte_mbuf* m) noexcept {
    const bool udp = (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
    complete_at(m, static_cast<std::uint32_t>(m->l2_len + m->l3_len), udp ? kUdpField : kTcpField, udp);
    m->ol_flags &= ~(kUndone | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6);
}

bool describe_super(rte_mbuf* m, std::uint32_t checksum_start, bool tcp) noexcept {
    std::uint16_t type = 0;
    const std::uint32_t l2 = network_header(m, type);
    const std::uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    const std::uint32_t l4_least = tcp ? sizeof(rte_tcp_hdr) : sizeof(rte_udp_hdr);
    if (checksum_start <= l2 || checksum_start - l2 > kMostL3 || checksum_start + l4_least > m->data_len)
        return false;
    const std::uint32_t l3 = checksum_start - l2;
    std::uint64_t flags = tcp ? RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM
                              : RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM;
    if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4)) {
        if (l3 < sizeof(rte_ipv4_hdr)) return false;
        const auto* ip = rte_pktmbuf_mtod_offset(m, const rte_ipv4_hdr*, l2);
        if (ip->next_proto_id != protocol || rte_ipv4_hdr_len(ip) != l3) return false;
        flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    } else if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6)) {
        if (l3 < sizeof(rte_ipv6_hdr)) return false;
        std::uint8_t next = rte_pktmbuf_mtod_offset(m, const rte_ipv6_hdr*, l2)->proto;
        const std::uint32_t at =
            behind_options(m, l2 + static_cast<std::uint32_t>(sizeof(rte_ipv6_hdr)), checksum_start, next);
        if (at != checksum_start || next != protocol) return false;
        flags |= RTE_MBUF_F_TX_IPV6;
    } else {
        return false;
    }
    const std::uint32_t l4 =
        tcp ? static_cast<std::uint32_t>(
                  rte_pktmbuf_mtod_offset(m, const rte_tcp_hdr*, checksum_start)->data_off >> 4U) *
                  4U
            : l4_least;
    if (l4 < l4_least || checksum_start + l4 > m->data_len || checksum_start + l4 > m->pkt_len) return false;
    m->l2_len = l2;
    m->l3_len = l3;
    m->l4_len = l4;
    m->ol_flags |= flags;
    return true;
}

Cutter::Cutter(const rte_mbuf* super) noexcept
    : super_(super), from_(super), from_offset_(headers_of_super(super)),
      left_(super->pkt_len - from_offset_),
      count_(std::max<unsigned>(1, (left_ + super->tso_segsz - 1) / super->tso_segsz)) {}

bool Cutter::next(rte_mbuf* piece) noexcept {
    const std::uint32_t headers = headers_of_super(super_);
    const std::uint32_t payload = std::min<std::uint32_t>(left_, super_->tso_segsz);
    char* to = rte_pktmbuf_append(piece, static_cast<std::uint16_t>(headers + payload));
    if (to == nullptr) return false;
    std::memcpy(to, rte_pktmbuf_mtod(super_, const char*), headers);
    for (std::uint32_t copied = 0; copied < payload;) {
        for (; from_offset_ >= from_->data_len; from_ = from_->next) from_offset_ -= from_->data_len;
        const std::uint32_t here = std::min(from_->data_len - from_offset_, payload - copied);
        std::memcpy(to + headers + copied, rte_pktmbuf_mtod_offset(from_, const char*, from_offset_), here);
        copied += here;
        from_offset_ += here;
    }
    const bool last = payload == left_;
    const std::uint32_t l2 = super_->l2_len, l4_at = l2 + super_->l3_len;
    const bool v4 = (super_->ol_flags & RTE_MBUF_F_TX_IPV4) != 0,
               udp = (super_->ol_flags & RTE_MBUF_F_TX_UDP_SEG) != 0;
    if (v4) {
        auto* ip = rte_pktmbuf_mtod_offset(piece, rte_ipv4_hdr*, l2);
        ip->total_length = rte_cpu_to_be_16(static_cast<std::uint16_t>(headers + payload - l2));
        ip->packet_id =
            rte_cpu_to_be_16(static_cast<std::uint16_t>(rte_be_to_cpu_16(ip->packet_id) + index_));
        ip->hdr_checksum = 0;
        ip->hdr_checksum = static_cast<std::uint16_t>(~rte_raw_cksum(ip, super_->l3_len));
    } else {
        auto* ip = rte_pktmbuf_mtod_offset(piece, rte_ipv6_hdr*, l2);
        ip->payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(headers + payload - l2 - sizeof *ip));
    }
    if (udp) {
        auto* header = rte_pktmbuf_mtod_offset(piece, rte_udp_hdr*, l4_at);
        header->dgram_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(sizeof *header + payload));
    } else {
        auto* header = rte_pktmbuf_mtod_offset(piece, rte_tcp_hdr*, l4_at);
        header->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(header->sent_seq) + done_);
        if (!last) header->tcp_flags &= static_cast<std::uint8_t>(~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG));
        if (index_ != 0) header->tcp_flags &= static_cast<std::uint8_t>(~RTE_TCP_CWR_FLAG);
    }
    sum_layer4(piece, l2, l4_at, udp ? kUdpField : kTcpField, v4, udp);
    done_ += payload;
    left_ -= payload;
    ++index_;
    return true;
}

} // namespace dpdkbond

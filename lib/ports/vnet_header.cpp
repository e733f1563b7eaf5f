// SPDX-License-Identifier: BSD-3-Clause
#include "ports/vnet_header.hpp"

#include <rte_tcp.h>

#include <cstddef>

#include "datapath/offload.hpp"

namespace dpdkbond {

bool read_vnet_header(const VnetHeader& header, unsigned shift, rte_mbuf* frame) noexcept {
    if ((header.flags & VnetHeader::kNeedsChecksum) == 0) {
        if ((header.flags & VnetHeader::kDataValid) != 0) frame->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
        return true;
    }
    const std::uint32_t start = header.checksum_start + shift;
    const std::uint8_t type = header.gso_type & ~VnetHeader::kGsoEcn;
    const bool tcp = type == VnetHeader::kGsoTcp4 || type == VnetHeader::kGsoTcp6;
    if ((tcp || type == VnetHeader::kGsoUdp) && header.gso_size != 0 && describe_super(frame, start, tcp)) {
        frame->tso_segsz = header.gso_size;
        return true;
    }
    return leave_checksum(frame, start, header.checksum_offset);
}

VnetHeader vnet_header_of(const rte_mbuf* frame, bool valid) noexcept {
    VnetHeader header;
    if ((frame->ol_flags & kUndone) == 0) {
        // A NIC that looks into a tunnel tells of the inner checksum, the kernel takes it for the outer one.
        if (valid && (frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD &&
            (frame->packet_type & RTE_PTYPE_TUNNEL_MASK) == 0)
            header.flags = VnetHeader::kDataValid;
        return header;
    }
    const bool udp = (frame->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM;
    header.flags = VnetHeader::kNeedsChecksum;
    header.checksum_start = static_cast<std::uint16_t>(frame->l2_len + frame->l3_len);
    header.checksum_offset = udp ? 6 : 16;
    if (!is_super(frame)) return header;
    header.header_length = static_cast<std::uint16_t>(headers_of_super(frame));
    header.gso_size = frame->tso_segsz;
    if (udp) {
        header.gso_type = VnetHeader::kGsoUdp;
        return header;
    }
    header.gso_type =
        (frame->ol_flags & RTE_MBUF_F_TX_IPV4) != 0 ? VnetHeader::kGsoTcp4 : VnetHeader::kGsoTcp6;
    const auto* tcp = rte_pktmbuf_mtod_offset(frame, const rte_tcp_hdr*, header.checksum_start);
    if ((tcp->tcp_flags & RTE_TCP_CWR_FLAG) != 0) header.gso_type |= VnetHeader::kGsoEcn;
    return header;
}

} // namespace dpdkbond

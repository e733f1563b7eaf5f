// SPDX-License-Identifier: BSD-3-Clause
// The virtio-net header that a tap (IFF_VNET_HDR) or a packet socket (PACKET_VNET_HDR) puts before each
// frame, from and to what the mbuf tells (datapath/offload.hpp). The kernel gives and takes it in the
// machine's byte order. Worker threads only.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace dpdkbond {

struct VnetHeader { // virtio specification 1.2, section 5.1.6, without num_buffers
    static constexpr std::uint8_t kNeedsChecksum = 1, kDataValid = 2;
    static constexpr std::uint8_t kGsoNone = 0, kGsoTcp4 = 1, kGsoTcp6 = 4, kGsoUdp = 5, kGsoEcn = 0x80;
    std::uint8_t flags = 0;
    std::uint8_t gso_type = kGsoNone;
    std::uint16_t header_length = 0;
    std::uint16_t gso_size = 0;
    std::uint16_t checksum_start = 0;
    std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

// What a frame as received says. `shift`: bytes put in before the place where its checksum starts since the
// kernel wrote the header (a VLAN tag). False: it makes no sense. A super-frame that cannot be cut here (an
// encapsulated one) becomes a plain frame, long as it is.
bool read_vnet_header(const VnetHeader& header, unsigned shift, rte_mbuf* frame) noexcept;
// The header for a frame to send. `valid`: also say that a checksum was found right.
VnetHeader vnet_header_of(const rte_mbuf* frame, bool valid) noexcept;

} // namespace dpdkbond

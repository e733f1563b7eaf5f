// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace dpdkbond {

// Which work left undone a port takes and gives (datapath/offload.hpp), each more than the one before: none;
// a NIC's hardware, of frames to send alone and after prepare_for_nic(): TCP's and UDP's checksums, or these
// and the cutting of TCP; checksums, and the cutting of TCP without congestion marks (DPDK's virtio driver),
// both ways; that of UDP and all else, too (ports of our own).
enum class Offloads : std::uint8_t { none, nic_checksum, nic_tcp, tcp, all };

constexpr bool is_nic(Offloads port) noexcept {
    return port == Offloads::nic_checksum || port == Offloads::nic_tcp;
}

// What a NIC's hardware asks of frames with work undone.
struct NicLimits {
    std::uint8_t buffers = 255;           // that a super-frame may consist of
    std::uint8_t buffers_a_segment = 255; // … that one segment, or a frame that is not cut, may
    bool ip_checksum =
        true; // its driver wants to be told of IPv4's checksum; else a super-frame's comes by itself
    bool operator==(const NicLimits&) const = default;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The headers that a transmit hash is made of, as Linux reads them: plainly (layer2+3, layer3+4), or through
// encapsulations as its generic flow dissector does (encap2+3, encap3+4). Pure functions, any thread, never
// beyond len.
#pragma once

#include <cstdint>

namespace dpdkbond {

// The readable part of a frame from the Ethernet header on.
struct FrameView {
    const std::uint8_t* data;
    std::uint32_t len;
    [[nodiscard]] bool has(std::uint32_t offset, std::uint32_t n) const noexcept {
        return offset <= len && n <= len - offset;
    }
};

struct FlowKeys {
    std::uint32_t addresses = 0; // XOR of all words of source and destination, memory order
    std::uint32_t ports = 0;     // one word in memory order; ESP and AH: the SPI
    std::uint32_t icmp = 0;      // type | code << 8 | id << 16; used when the id is not 0
};

// Both read from `offset` on a header of the given ethertype. False: this frame has no flow; it hashes by
// layer2.
bool read_plain_flow(const FrameView& frame, std::uint16_t type, std::uint32_t offset, bool want_ports,
                     FlowKeys& keys) noexcept;
bool read_inner_flow(const FrameView& frame, std::uint16_t type, std::uint32_t offset,
                     FlowKeys& keys) noexcept;

} // namespace dpdkbond

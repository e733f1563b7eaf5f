// SPDX-License-Identifier: BSD-3-Clause
// A TCP segment as it lies in a received frame. Worker threads only.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

namespace dpdkbond {

namespace tcp_flag {
inline constexpr std::uint8_t fin = 0x01, syn = 0x02, rst = 0x04, psh = 0x08, urg = 0x20, cwr = 0x80;
}

// Ethernet, up to two tags, IPv4 without options or IPv6 without extension headers, TCP; all headers in the
// first buffer, no fragment.
struct TcpSegment {
    std::uint8_t l2 = 0, l3 = 0, l4 = 0; // lengths of the headers in bytes
    bool v6 = false;
    bool padded = false;       // bytes follow that are not its: a wire fills up short frames
    std::uint8_t flags = 0;    // tcp_flag
    std::uint32_t seq = 0;     // of the first byte of payload; of a super-frame too
    std::uint32_t payload = 0; // bytes

    [[nodiscard]] std::uint32_t headers() const noexcept { return std::uint32_t{l2} + l3 + l4; }
    [[nodiscard]] std::uint32_t end() const noexcept { return seq + length(); }
    // How far it moves the sequence number on, FIN included (RFC 9293, 3.4).
    [[nodiscard]] std::uint32_t length() const noexcept {
        return payload + ((flags & tcp_flag::fin) != 0 ? 1 : 0);
    }
};

// False: the frame is none, or one of another form.
bool read_tcp_segment(const rte_mbuf* frame, TcpSegment& out) noexcept;

// Whose segment it is: addresses, ports, outermost tag.
struct TcpFlowKey {
    std::array<std::uint8_t, 32> addresses{}; // IPv4: the first eight
    std::uint32_t ports = 0;                  // both, as they stand in the header
    std::uint16_t tag = 0;                    // VLAN id and priority as in the header; 0: none
    std::uint16_t v6 = 0;
    bool operator==(const TcpFlowKey&) const = default;
    [[nodiscard]] std::uint32_t hash() const noexcept;
};
TcpFlowKey flow_key(const rte_mbuf* frame, const TcpSegment& segment) noexcept;

// Whether the TCP checksum (and IPv4's of the header) is right, or was left undone by a sender on this
// machine. Reads all of the frame unless somebody has told already; then the mbuf tells the next one.
bool has_good_checksums(rte_mbuf* frame, const TcpSegment& segment) noexcept;

} // namespace dpdkbond

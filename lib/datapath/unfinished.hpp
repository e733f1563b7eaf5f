// SPDX-License-Identifier: BSD-3-Clause
// Finds the checksum of a frame that its sender left to hardware, wherever it stands: behind tags, MPLS
// labels, IPv4 options, IPv6 extension headers, and inside of IP in IP, GRE, VXLAN, VXLAN-GPE, Geneve and
// MPLS over UDP. Linux leaves at most one of a frame undone. Pure, any thread.
#pragma once

#include <cstdint>

namespace dpdkbond {

struct Unfinished {
    enum class Kind : std::uint8_t {
        none,
        internet, // the one's complement sum of the bytes, what stands in the field included
        udp,      // the same, with 0xffff for a sum of zero
        crc32c,   // of the bytes, the field being zero; SCTP
    } kind = Kind::none;
    std::uint32_t from = 0;   // the first byte that is summed up
    std::uint32_t length = 0; // how many are; the frame has them
    std::uint32_t field = 0;  // where the checksum stands; within the bytes that were looked at
};

// `bytes`: the first `have` bytes of a frame of `length`.
Unfinished find_unfinished(const std::uint8_t* bytes, std::uint32_t have, std::uint32_t length) noexcept;

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Slow protocols (802.3 annex 57A): what all of them share. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

inline constexpr Mac kSlowProtocolsMulticast{{0x01, 0x80, 0xc2, 0x00, 0x00, 0x02}};
inline constexpr std::size_t kSlowFrameSize = 124; // an LACPDU or Marker PDU with its header, without FCS
inline constexpr std::size_t kSlowSubtypeOffset = kEthHeaderSize;

using SlowFrame = std::array<std::uint8_t, kSlowFrameSize>;

namespace slow_subtype {
inline constexpr std::uint8_t lacp = 1;
inline constexpr std::uint8_t marker = 2;
inline constexpr std::uint8_t oam = 3;
inline constexpr std::uint8_t ossp = 10; // organisation specific, SyncE's among them
} // namespace slow_subtype

// The subtype of an untagged slow-protocol frame (they are never tagged); nullopt: another ethertype or too
// short.
inline std::optional<std::uint8_t> slow_frame_subtype(Bytes frame) {
    if (frame.size() <= kSlowSubtypeOffset || load_be16(frame.data() + 12) != ethertype::slow)
        return std::nullopt;
    return frame[kSlowSubtypeOffset];
}
// An LACPDU as far as ethertype and subtype say.
inline bool is_lacpdu(Bytes frame) { return slow_frame_subtype(frame) == slow_subtype::lacp; }

// The three group addresses that aAggPortProtocolDA may name (802.1AX-2014 6.2.8.1.1): nearest customer
// bridge, slow protocols (the default), nearest non-TPMR bridge.
constexpr bool is_lacp_destination(const Mac& mac) {
    const std::uint8_t last = mac.bytes[5];
    return mac == Mac{{0x01, 0x80, 0xc2, 0, 0, last}} && (last == 0x00 || last == 0x02 || last == 0x03);
}

} // namespace dpdkbond

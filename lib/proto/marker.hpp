// SPDX-License-Identifier: BSD-3-Clause
// The Marker and Marker Response PDU (802.1AX-2014 6.5). Pure; any thread; no allocation.
#pragma once

#include <optional>

#include "proto/lacpdu.hpp"

namespace dpdkbond {

namespace marker_type {
inline constexpr std::uint8_t information = 1;
inline constexpr std::uint8_t response = 2;
} // namespace marker_type

struct Marker {
    std::uint8_t type = marker_type::information;
    PortNumber requester_port{};
    Mac requester_system{};
    std::uint32_t transaction = 0;
    bool operator==(const Marker&) const = default;
};

// Reads a whole frame whose ethertype and subtype the caller has looked at. nullopt: a length is wrong. The
// type may be one that this page does not name.
std::optional<Marker> decode_marker(Bytes frame);

// Writes the whole frame, from `source`.
void encode_marker(SlowFrame& out, Mac source, const Marker& marker);

// The answer to a request that decode_marker() took: its copy, reserved octets and all, with the response's
// type.
void build_marker_response(SlowFrame& out, Mac source, Bytes request);

} // namespace dpdkbond

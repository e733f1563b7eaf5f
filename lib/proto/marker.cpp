// SPDX-License-Identifier: BSD-3-Clause
#include "proto/marker.hpp"

namespace dpdkbond {

namespace {

// Offsets from the start of the frame.
constexpr std::size_t kVersion = 15, kType = 16, kLength = 17, kPort = 18, kSystem = 20, kTransaction = 26;
constexpr std::uint8_t kMarkerVersion = 1;
constexpr std::uint8_t kInfoLength = 16;

} // namespace

std::optional<Marker> decode_marker(Bytes frame) {
    if (frame.size() < kSlowFrameSize || frame[kLength] != kInfoLength) return std::nullopt;
    const std::uint8_t* p = frame.data();
    return Marker{
        p[kType], {load_be16(p + kPort)}, Mac::from_bytes(p + kSystem), load_be32(p + kTransaction)};
}

void encode_marker(SlowFrame& out, Mac source, const Marker& marker) {
    out.fill(0);
    build_eth(out, kSlowProtocolsMulticast, source, ethertype::slow);
    out[kSlowSubtypeOffset] = slow_subtype::marker;
    out[kVersion] = kMarkerVersion;
    out[kType] = marker.type;
    out[kLength] = kInfoLength;
    store_be16(out.data() + kPort, marker.requester_port.value);
    std::memcpy(out.data() + kSystem, marker.requester_system.data(), 6);
    store_be32(out.data() + kTransaction, marker.transaction);
}

void build_marker_response(SlowFrame& out, Mac source, Bytes request) {
    std::memcpy(out.data(), request.data(), kSlowFrameSize);
    build_eth(out, kSlowProtocolsMulticast, source, ethertype::slow);
    out[kType] = marker_type::response;
}

} // namespace dpdkbond

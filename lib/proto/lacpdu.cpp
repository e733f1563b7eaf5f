// SPDX-License-Identifier: BSD-3-Clause
#include "proto/lacpdu.hpp"

namespace dpdkbond {

namespace {

// Offsets from the start of the frame.
constexpr std::size_t kVersion = 15, kActor = 16, kPartner = 36, kCollector = 56;
constexpr std::uint8_t kTlvActor = 1, kTlvPartner = 2, kTlvCollector = 3;
constexpr std::uint8_t kInfoLength = 20, kCollectorLength = 16;

LacpInfo read_info(const std::uint8_t* tlv) {
    LacpInfo info;
    info.system_priority = {load_be16(tlv + 2)};
    info.system = Mac::from_bytes(tlv + 4);
    info.key = {load_be16(tlv + 10)};
    info.port_priority = {load_be16(tlv + 12)};
    info.port = {load_be16(tlv + 14)};
    info.state = {tlv[16]};
    return info;
}

void write_info(std::uint8_t* tlv, std::uint8_t type, const LacpInfo& info) {
    tlv[0] = type;
    tlv[1] = kInfoLength;
    store_be16(tlv + 2, info.system_priority.value);
    std::memcpy(tlv + 4, info.system.data(), 6);
    store_be16(tlv + 10, info.key.value);
    store_be16(tlv + 12, info.port_priority.value);
    store_be16(tlv + 14, info.port.value);
    tlv[16] = info.state.value;
}

} // namespace

std::optional<Lacpdu> decode_lacpdu(Bytes frame) {
    if (frame.size() < kSlowFrameSize) return std::nullopt;
    const std::uint8_t* p = frame.data();
    if (p[kActor + 1] != kInfoLength || p[kPartner + 1] != kInfoLength ||
        p[kCollector + 1] != kCollectorLength)
        return std::nullopt;
    Lacpdu pdu;
    pdu.version = p[kVersion];
    pdu.actor = read_info(p + kActor);
    pdu.partner = read_info(p + kPartner);
    pdu.collector_max_delay = load_be16(p + kCollector + 2);
    return pdu;
}

void encode_lacpdu(SlowFrame& out, Mac source, const Lacpdu& pdu) {
    out.fill(0);
    build_eth(out, kSlowProtocolsMulticast, source, ethertype::slow);
    out[kSlowSubtypeOffset] = slow_subtype::lacp;
    out[kVersion] = pdu.version;
    write_info(out.data() + kActor, kTlvActor, pdu.actor);
    write_info(out.data() + kPartner, kTlvPartner, pdu.partner);
    out[kCollector] = kTlvCollector;
    out[kCollector + 1] = kCollectorLength;
    store_be16(out.data() + kCollector + 2, pdu.collector_max_delay);
}

} // namespace dpdkbond

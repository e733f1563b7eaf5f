// SPDX-License-Identifier: BSD-3-Clause
#include "proto/arp.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint16_t kHardwareEthernet = 1;

} // namespace

std::optional<ArpPacket> parse_arp(Bytes payload) {
    if (payload.size() < kArpSize) return std::nullopt;
    const std::uint8_t* p = payload.data();
    if (load_be16(p) != kHardwareEthernet || load_be16(p + 2) != ethertype::ipv4 || p[4] != 6 || p[5] != 4)
        return std::nullopt;
    const std::uint16_t op = load_be16(p + 6);
    if (op != static_cast<std::uint16_t>(ArpOp::request) && op != static_cast<std::uint16_t>(ArpOp::reply))
        return std::nullopt;
    ArpPacket packet;
    packet.op = static_cast<ArpOp>(op);
    packet.sender_mac = Mac::from_bytes(p + 8);
    std::memcpy(packet.sender_ip.bytes.data(), p + 14, 4);
    packet.target_mac = Mac::from_bytes(p + 18);
    std::memcpy(packet.target_ip.bytes.data(), p + 24, 4);
    return packet;
}

std::optional<ArpPacket> parse_arp_frame(Bytes frame) {
    const auto eth = parse_eth(frame);
    if (!eth || eth->type != ethertype::arp) return std::nullopt;
    return parse_arp(frame.subspan(eth->payload_offset));
}

std::size_t build_arp(MutableBytes out, Mac destination, Mac source, const ArpPacket& packet,
                      const VlanTags& tags) {
    const std::size_t length = kEthMinFrame + tags.size() * kVlanTagSize;
    if (out.size() < length) return 0;
    std::memset(out.data(), 0, length);
    std::uint8_t* p =
        out.data() + build_eth(out, destination, source, ethertype::arp, tags.begin(), tags.size());
    store_be16(p, kHardwareEthernet);
    store_be16(p + 2, ethertype::ipv4);
    p[4] = 6;
    p[5] = 4;
    store_be16(p + 6, static_cast<std::uint16_t>(packet.op));
    std::memcpy(p + 8, packet.sender_mac.data(), 6);
    std::memcpy(p + 14, packet.sender_ip.bytes.data(), 4);
    std::memcpy(p + 18, packet.target_mac.data(), 6);
    std::memcpy(p + 24, packet.target_ip.bytes.data(), 4);
    return length;
}

std::size_t build_gratuitous_arp(MutableBytes out, Mac source, Ipv4 address, const VlanTags& tags) {
    const Mac broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    return build_arp(out, broadcast, source, {ArpOp::request, source, address, Mac{}, address}, tags);
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "proto/nd.hpp"

#include <algorithm>

#include "proto/inet_checksum.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kIpv6HeaderSize = 40;
constexpr std::size_t kNdSize = 24; // ICMPv6 header and target
constexpr std::size_t kLinkOptionSize = 8;
constexpr std::uint8_t kNextHeaderIcmpv6 = 58;
constexpr std::uint8_t kHopLimit = 255;
constexpr std::uint8_t kOptionSourceLink = 1, kOptionTargetLink = 2;
constexpr std::uint8_t kFlagRouter = 0x80, kFlagSolicited = 0x40, kFlagOverride = 0x20;

std::size_t build_nd(MutableBytes out, Mac destination, Mac source, const NdPacket& packet,
                     const VlanTags& tags) {
    const std::size_t message_size = kNdSize + (packet.link_address ? kLinkOptionSize : 0);
    const std::size_t header = kEthHeaderSize + tags.size() * kVlanTagSize;
    const std::size_t length = header + kIpv6HeaderSize + message_size;
    if (out.size() < length) return 0;
    std::memset(out.data(), 0, length);
    build_eth(out, destination, source, ethertype::ipv6, tags.begin(), tags.size());

    std::uint8_t* ip = out.data() + header;
    ip[0] = 0x60;
    store_be16(ip + 4, static_cast<std::uint16_t>(message_size));
    ip[6] = kNextHeaderIcmpv6;
    ip[7] = kHopLimit;
    std::memcpy(ip + 8, packet.source.bytes.data(), 16);
    std::memcpy(ip + 24, packet.destination.bytes.data(), 16);

    std::uint8_t* icmp = ip + kIpv6HeaderSize;
    const bool advertisement = packet.type == NdType::advertisement;
    icmp[0] = static_cast<std::uint8_t>(packet.type);
    if (advertisement)
        icmp[4] = static_cast<std::uint8_t>((packet.router ? kFlagRouter : 0) |
                                            (packet.solicited ? kFlagSolicited : 0) |
                                            (packet.override_flag ? kFlagOverride : 0));
    std::memcpy(icmp + 8, packet.target.bytes.data(), 16);
    if (packet.link_address) {
        icmp[kNdSize] = advertisement ? kOptionTargetLink : kOptionSourceLink;
        icmp[kNdSize + 1] = 1; // in units of 8 bytes
        std::memcpy(icmp + kNdSize + 2, packet.link_address->data(), 6);
    }
    store_be16(icmp + 2, icmpv6_checksum(ip + 8, {icmp, message_size}));
    return length;
}

} // namespace

std::optional<NdPacket> parse_nd(Bytes ipv6_packet) {
    if (ipv6_packet.size() < kIpv6HeaderSize + kNdSize) return std::nullopt;
    const std::uint8_t* ip = ipv6_packet.data();
    const std::size_t message_size = load_be16(ip + 4);
    if ((ip[0] >> 4U) != 6 || ip[6] != kNextHeaderIcmpv6 || ip[7] != kHopLimit || message_size < kNdSize ||
        kIpv6HeaderSize + message_size > ipv6_packet.size())
        return std::nullopt;
    const Bytes message = ipv6_packet.subspan(kIpv6HeaderSize, message_size);
    const std::uint8_t* icmp = message.data();
    const bool advertisement = icmp[0] == static_cast<std::uint8_t>(NdType::advertisement);
    if (!advertisement && icmp[0] != static_cast<std::uint8_t>(NdType::solicitation)) return std::nullopt;
    if (icmp[1] != 0 || icmp[8] == 0xff || icmpv6_checksum(ip + 8, message) != 0) return std::nullopt;

    NdPacket packet;
    packet.type = static_cast<NdType>(icmp[0]);
    std::memcpy(packet.source.bytes.data(), ip + 8, 16);
    std::memcpy(packet.destination.bytes.data(), ip + 24, 16);
    std::memcpy(packet.target.bytes.data(), icmp + 8, 16);
    if (advertisement) {
        packet.router = (icmp[4] & kFlagRouter) != 0;
        packet.solicited = (icmp[4] & kFlagSolicited) != 0;
        packet.override_flag = (icmp[4] & kFlagOverride) != 0;
    }
    const std::uint8_t wanted = advertisement ? kOptionTargetLink : kOptionSourceLink;
    for (std::size_t at = kNdSize; at + 2 <= message_size;) {
        const std::size_t size = std::size_t{icmp[at + 1]} * 8;
        if (size == 0 || at + size > message_size) return std::nullopt;
        if (icmp[at] == wanted && size == kLinkOptionSize)
            packet.link_address = Mac::from_bytes(icmp + at + 2);
        at += size;
    }
    return packet;
}

bool is_neighbor_discovery(Bytes ip) noexcept {
    constexpr std::size_t kNextHeader = 6;
    if (ip.size() <= kIpv6HeaderSize || ip[kNextHeader] != kNextHeaderIcmpv6) return false;
    const std::uint8_t type = ip[kIpv6HeaderSize];
    return type == static_cast<std::uint8_t>(NdType::solicitation) ||
           type == static_cast<std::uint8_t>(NdType::advertisement);
}

bool is_neighbor_frame(Bytes frame) noexcept {
    const auto eth = parse_eth(frame);
    if (!eth) return false;
    return eth->type == ethertype::arp ||
           (eth->type == ethertype::ipv6 && is_neighbor_discovery(frame.subspan(eth->payload_offset)));
}

std::optional<NdPacket> parse_nd_frame(Bytes frame) {
    const auto eth = parse_eth(frame);
    if (!eth || eth->type != ethertype::ipv6) return std::nullopt;
    return parse_nd(frame.subspan(eth->payload_offset));
}

Ipv6 solicited_node_group(Ipv6 target) {
    Ipv6 group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}};
    std::copy_n(target.bytes.begin() + 13, 3, group.bytes.begin() + 13);
    return group;
}

Mac multicast_mac(Ipv6 group) {
    return Mac{{0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
}

std::size_t build_unsolicited_na(MutableBytes out, Mac source, Ipv6 address, bool router,
                                 const VlanTags& tags) {
    NdPacket packet;
    packet.type = NdType::advertisement;
    packet.source = address;
    packet.destination = Ipv6{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
    packet.target = address;
    packet.router = router;
    packet.override_flag = true;
    packet.link_address = source;
    return build_nd(out, multicast_mac(packet.destination), source, packet, tags);
}

std::size_t build_na(MutableBytes out, Mac destination, Mac source, Ipv6 destination_address, Ipv6 address,
                     bool router, const VlanTags& tags) {
    NdPacket packet;
    packet.type = NdType::advertisement;
    packet.source = address;
    packet.destination = destination_address;
    packet.target = address;
    packet.router = router;
    packet.override_flag = true;
    packet.link_address = source;
    return build_nd(out, destination, source, packet, tags);
}

bool set_nd_link_address(MutableBytes frame, const Mac& mac) {
    const auto nd = parse_nd_frame(frame);
    if (!nd || !nd->link_address) return false;
    std::uint8_t* ip = frame.data() + parse_eth(frame)->payload_offset;
    std::uint8_t* icmp = ip + kIpv6HeaderSize;
    const std::size_t message_size = load_be16(ip + 4);
    const std::uint8_t wanted = nd->type == NdType::advertisement ? kOptionTargetLink : kOptionSourceLink;
    for (std::size_t at = kNdSize; at + kLinkOptionSize <= message_size; at += std::size_t{icmp[at + 1]} * 8)
        if (icmp[at] == wanted && icmp[at + 1] == 1) std::memcpy(icmp + at + 2, mac.data(), 6);
    store_be16(icmp + 2, 0);
    store_be16(icmp + 2, icmpv6_checksum(ip + 8, {icmp, message_size}));
    return true;
}

std::size_t build_ns(MutableBytes out, Mac source, Ipv6 source_address, Ipv6 target, const VlanTags& tags) {
    NdPacket packet;
    packet.source = source_address;
    packet.destination = solicited_node_group(target);
    packet.target = target;
    if (source_address != Ipv6{}) packet.link_address = source;
    return build_nd(out, multicast_mac(packet.destination), source, packet, tags);
}

} // namespace dpdkbond

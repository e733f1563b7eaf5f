// SPDX-License-Identifier: BSD-3-Clause
#include "flow/flow_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/ip.hpp"
#include "flow/flow.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

bool has_ports(std::uint8_t protocol) {
    constexpr std::uint8_t with[] = {6, 17, 33, 132, 136};
    return std::ranges::find(with, protocol) != std::end(with);
}

std::string ports_text(Bytes transport, std::uint8_t protocol) {
    std::string text = ",proto=" + protocol_text(protocol);
    if (!has_ports(protocol) || transport.size() < 4) return text;
    return text +
           fmt::format(",sport={},dport={}", load_be16(transport.data()), load_be16(transport.data() + 2));
}

std::string ipv4_text(Bytes packet) {
    if (packet.size() < 20 || packet[0] >> 4U != 4) return {};
    Ipv4 source, destination;
    std::copy_n(packet.begin() + 12, 4, source.bytes.begin());
    std::copy_n(packet.begin() + 16, 4, destination.bytes.begin());
    const std::size_t header = std::min<std::size_t>((packet[0] & 0xfU) * 4U, packet.size());
    const bool later_fragment = (load_be16(&packet[6]) & 0x1fffU) != 0;
    return "src=" + source.to_string() + ",dst=" + destination.to_string() +
           ports_text(later_fragment ? Bytes{} : packet.subspan(header), packet[9]);
}

// Extension headers are not followed: what comes after them is their protocol's affair.
std::string ipv6_text(Bytes packet) {
    if (packet.size() < 40 || packet[0] >> 4U != 6) return {};
    Ipv6 source, destination;
    std::copy_n(packet.begin() + 8, 16, source.bytes.begin());
    std::copy_n(packet.begin() + 24, 16, destination.bytes.begin());
    return "src=" + source.to_string() + ",dst=" + destination.to_string() +
           ports_text(packet.subspan(40), packet[6]);
}

} // namespace

std::string flow_text(Bytes frame) {
    const auto eth = parse_eth(frame);
    if (!eth) return fmt::format("a frame of {} bytes", frame.size());
    std::string text;
    if (eth->type == ethertype::ipv4) text = ipv4_text(frame.subspan(eth->payload_offset));
    if (eth->type == ethertype::ipv6) text = ipv6_text(frame.subspan(eth->payload_offset));
    if (text.empty())
        text = fmt::format("smac={},dmac={},type={:#06x}", eth->source.to_string(),
                           eth->destination.to_string(), eth->type);
    if (eth->tag_count != 0) text += fmt::format(",vlan={}", eth->tags[0].id());
    return text;
}

std::string frame_flow_text(Bytes frame) {
    constexpr std::size_t kEthernetHeader = 14;
    if (frame.size() < kEthernetHeader) return {};
    std::string text = "frame=";
    for (const std::uint8_t octet : frame.first(std::min(frame.size(), kMaxFlowFrame)))
        text += fmt::format("{:02x}", octet);
    return text;
}

} // namespace dpdkbond

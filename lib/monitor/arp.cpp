// SPDX-License-Identifier: BSD-3-Clause
#include "monitor/arp.hpp"

#include <algorithm>

#include "proto/arp.hpp"

namespace dpdkbond {

std::size_t build_arp_probe(MutableBytes out, Ipv4 target, const ProbeSource& source) {
    const Mac broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    return build_arp(out, broadcast, source.mac,
                     {ArpOp::request, source.mac, source.address.v4, Mac{}, target}, source.tags);
}

std::optional<HeardProbe<Ipv4>> hear_arp(Bytes frame, std::span<const Ipv4> targets) {
    const auto arp = parse_arp_frame(frame);
    if (!arp) return std::nullopt;
    const auto number_of = [&](Ipv4 ip) { return std::ranges::find(targets, ip) - targets.begin(); };
    const auto count = std::ssize(targets);
    const bool answer = arp->op == ArpOp::reply;
    if (const auto i = number_of(arp->sender_ip); i < count)
        return HeardProbe<Ipv4>{static_cast<std::uint8_t>(i), false, answer, false, arp->target_ip};
    if (const auto i = number_of(arp->target_ip); i < count)
        return HeardProbe<Ipv4>{static_cast<std::uint8_t>(i), true, answer, false, arp->sender_ip};
    return std::nullopt;
}

} // namespace dpdkbond

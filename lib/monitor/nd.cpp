// SPDX-License-Identifier: BSD-3-Clause
#include "monitor/nd.hpp"

#include <algorithm>

#include "proto/nd.hpp"

namespace dpdkbond {

namespace {

constexpr Ipv6 kAllNodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

} // namespace

std::size_t build_ns_probe(MutableBytes out, Ipv6 target, const ProbeSource& source) {
    return build_ns(out, source.mac, source.address.v6, target, source.tags);
}

std::optional<HeardProbe<Ipv6>> hear_nd(Bytes frame, std::span<const Ipv6> targets) {
    const auto nd = parse_nd_frame(frame);
    if (!nd) return std::nullopt;
    const auto number_of = [&](Ipv6 ip) { return std::ranges::find(targets, ip) - targets.begin(); };
    const auto count = std::ssize(targets);
    const bool answer = nd->type == NdType::advertisement;
    // A target may advertise itself from another of its addresses.
    auto i = number_of(nd->source);
    if (i == count && answer) i = number_of(nd->target);
    if (i < count && nd->source != Ipv6{})
        return HeardProbe<Ipv6>{static_cast<std::uint8_t>(i), false, answer, nd->destination == kAllNodes,
                                nd->destination};
    if (!answer)
        if (const auto asked = number_of(nd->target); asked < count)
            return HeardProbe<Ipv6>{static_cast<std::uint8_t>(asked), true, false, false, nd->source};
    return std::nullopt;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Probing IPv6 targets by neighbour solicitation (Linux: ns_ip6_target): the question and what counts as an
// answer. Pure; any thread; no allocation.
#pragma once

#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "monitor/probe_source.hpp"

namespace dpdkbond {

// A solicitation of `target` to its solicited-node group. Returns the frame's length, 0 when `out` is too
// small.
std::size_t build_ns_probe(MutableBytes out, Ipv6 target, const ProbeSource& source);

// nullopt: not a valid NS or NA, or not one between a target and an address that may be ours.
std::optional<HeardProbe<Ipv6>> hear_nd(Bytes frame, std::span<const Ipv6> targets);

} // namespace dpdkbond

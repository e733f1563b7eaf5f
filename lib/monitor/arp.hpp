// SPDX-License-Identifier: BSD-3-Clause
// Probing IPv4 targets by ARP (Linux: arp_ip_target): the question and what counts as an answer. Pure; any
// thread; no allocation.
#pragma once

#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "monitor/probe_source.hpp"

namespace dpdkbond {

// A broadcast request for `target`. Returns the frame's length, 0 when `out` is too small.
std::size_t build_arp_probe(MutableBytes out, Ipv4 target, const ProbeSource& source);

// nullopt: not an ARP frame, or not one between a target and an address that may be ours.
std::optional<HeardProbe<Ipv4>> hear_arp(Bytes frame, std::span<const Ipv4> targets);

} // namespace dpdkbond

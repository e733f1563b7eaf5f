// SPDX-License-Identifier: BSD-3-Clause
// Multicast listener reports for IPv6, version 2 (RFC 3810). Pure; any thread; no allocation.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.hpp"
#include "base/ip.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

inline constexpr std::size_t kMldGroupsAFrame = 2; // so that a report fits into 128 bytes, two tags included

// Writes the frame by which a host says that it listens to `groups` (one to kMldGroupsAFrame), whatever the
// source; returns its length (118 at most), 0 when `out` is too small. `address`: link-local.
std::size_t build_mld_report(MutableBytes out, Mac source, Ipv6 address, std::span<const Ipv6> groups,
                             const VlanTags& tags = {});

} // namespace dpdkbond

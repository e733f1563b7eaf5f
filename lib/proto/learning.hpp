// SPDX-License-Identifier: BSD-3-Clause
// The frame that shows a switch behind which port a MAC address is: from that address to itself, nothing in
// it, of the loopback test's ethertype. Linux bonding sends such (balance-tlb, balance-alb). Pure; any
// thread; no allocation.
#pragma once

#include <cstddef>

#include "base/bytes.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

// Writes a whole frame of 60 bytes (and 4 for each tag) and returns its length, 0 when `out` is too small.
std::size_t build_learning(MutableBytes out, Mac mac, const VlanTags& tags = {});

} // namespace dpdkbond

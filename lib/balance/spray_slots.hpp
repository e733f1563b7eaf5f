// SPDX-License-Identifier: BSD-3-Clause
// In which order the paths to a balance-spray peer are taken, by weight. Pure; no allocation.
#pragma once

#include <cstdint>
#include <span>

#include "bond/spray_table.hpp"

namespace dpdkbond {

// `weight`: of each path, 0 for one that is out of use; at most kMaxMembers of them.

// A round for packets: each path as often as its weight says and as evenly as that can be. Exact, and as
// short as the weights in lowest terms make it, when these add up to kSpraySlots at most; otherwise to the
// nearest kSpraySlots-th, but each at least once. Returns its length, 0 when every weight is.
std::uint16_t make_spray_round(std::span<const std::uint32_t> weight, SpraySlots& out);

// A map of kSpraySlots buckets for flows. The buckets of a path that is out of use (not in `live`, a bit
// each) are shared out among the others by weight; no other bucket moves. Returns kSpraySlots, 0 when none is
// live.
std::uint16_t make_spray_map(std::span<const std::uint32_t> weight, std::uint32_t live, SpraySlots& out);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What a bond's lanes and its control have counted, summed up. Any thread.
#pragma once

#include <rte_ethdev.h>

#include "bond/status.hpp"
#include "engine/bond_core.hpp"

namespace dpdkbond {

// Packets and drops of a member's slot; what its device counts is left out.
MemberCounters sum_of_member(const BondCore& core, MemberId id);
// What the member's device counts: bytes, and what it lost.
void put_device_counts(MemberCounters& to, const rte_eth_stats& stats);
// All but the logical interface's bytes.
BondCounters sum_of_bond(const BondCore& core);

// Each counter less what it was, not below zero; and the sum of both.
void subtract(MemberCounters& from, const MemberCounters& what);
void subtract(BondCounters& from, const BondCounters& what);
void add(MemberCounters& to, const MemberCounters& what);
void add(BondCounters& to, const BondCounters& what);

} // namespace dpdkbond

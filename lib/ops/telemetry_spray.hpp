// SPDX-License-Identifier: BSD-3-Clause
// /bond/spray: a balance-spray bond's peers and paths. Telemetry's thread.
#pragma once

#include "ops/spray_view.hpp"
#include "ops/telemetry_compat.hpp"

namespace dpdkbond {

// {granularity, …, addresses{member: …}, peers{address: {address, paths{member: {…}}}}}, so many peers at a
// time.
void put_spray(tel::Dict& out, const SprayView& view, std::size_t page);

} // namespace dpdkbond

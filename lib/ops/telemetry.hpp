// SPDX-License-Identifier: BSD-3-Clause
// The /bond/… commands on DPDK's telemetry socket. Values without a type there: flags are 0 or 1, addresses
// and names are strings, lists of addresses are arrays. An unknown bond, member or page text answers null.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "ops/instance.hpp"

namespace dpdkbond {

// Registers the commands; before rte_eal_init() or after, both are right, and once or more in a process. The
// instance is asked from telemetry's own threads, one a client, until forget_telemetry(). False: DPDK's table
// of commands is full.
bool register_telemetry(Instance& instance);

// No callback uses the instance after this returns; waits for those under way. From then on every command
// answers null.
void forget_telemetry();

// An answer holds 16 KiB, fewer than 256 events. Page 0 is the newest events that fit, page 1 those before
// them and so on; each oldest first. Pages are counted from the newest event at the time of asking. Empty:
// nothing that far back.
std::vector<PastEvent> events_page(const std::vector<PastEvent>& oldest_first, std::size_t page);

} // namespace dpdkbond

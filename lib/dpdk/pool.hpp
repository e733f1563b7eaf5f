// SPDX-License-Identifier: BSD-3-Clause
// Pools of packet buffers. Ordinary threads.
#pragma once

#include <cstdint>

struct rte_mempool;

namespace dpdkbond {

// As rte_pktmbuf_pool_create(), but that buffers lie close together also in ordinary pages, where addresses
// for devices are those of the program: DPDK would give each a page of its own, half as much again of memory
// as is asked for, and a fault each, which is most of the time that a start takes. nullptr: rte_errno says
// why.
rte_mempool* make_packet_pool(const char* name, unsigned count, unsigned cache, std::uint16_t room, int node);

} // namespace dpdkbond

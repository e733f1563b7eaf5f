// SPDX-License-Identifier: BSD-3-Clause
// The packet buffers of control's own frames. Frames that have left may be in somebody else's hands when
// their bond goes: on a ring, or with whoever is at its other end. So a pool is freed when all of its buffers
// are back, which is looked at whenever one is made or given up. Any thread.
#pragma once

#include <string>

struct rte_mempool;

namespace dpdkbond {

// `node`: of memory; -1: any. nullptr: there is no memory for it.
rte_mempool* make_own_pool(const std::string& tag, unsigned buffers, int node);
void give_up_own_pool(rte_mempool* pool); // or nullptr

} // namespace dpdkbond

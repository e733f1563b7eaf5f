// SPDX-License-Identifier: BSD-3-Clause
#include "embed/own_pool.hpp"

#include <fmt/format.h>
#include <rte_mbuf.h>

#include <mutex>
#include <vector>

namespace dpdkbond {

namespace {

std::mutex mutex;
std::vector<rte_mempool*> given_up;

// mutex is held.
void free_those_that_are_whole() {
    std::erase_if(given_up, [](rte_mempool* pool) {
        if (rte_mempool_full(pool) == 0) return false;
        rte_mempool_free(pool);
        return true;
    });
}

} // namespace

rte_mempool* make_own_pool(const std::string& tag, unsigned buffers, int node) {
    const std::lock_guard lock(mutex);
    free_those_that_are_whole();
    std::string name = "dpdkbond-" + tag;
    for (unsigned n = 1; rte_mempool_lookup(name.c_str()) != nullptr; ++n)
        name = fmt::format("dpdkbond-{}-{}", tag, n);
    return rte_pktmbuf_pool_create(name.c_str(), buffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, node);
}

void give_up_own_pool(rte_mempool* pool) {
    if (pool == nullptr) return;
    const std::lock_guard lock(mutex);
    given_up.push_back(pool);
    free_those_that_are_whole();
}

} // namespace dpdkbond

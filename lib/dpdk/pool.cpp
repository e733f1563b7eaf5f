// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/pool.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

namespace dpdkbond {

rte_mempool* make_packet_pool(const char* name, unsigned count, unsigned cache, std::uint16_t room,
                              int node) {
    if (rte_eal_has_hugepages() != 0 || rte_eal_iova_mode() != RTE_IOVA_VA)
        return rte_pktmbuf_pool_create(name, count, cache, 0, room, node);
    rte_mempool* pool = rte_mempool_create_empty(
        name, count, static_cast<unsigned>(sizeof(rte_mbuf)) + room, cache,
        static_cast<unsigned>(sizeof(rte_pktmbuf_pool_private)), node, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (pool == nullptr) return nullptr;
    rte_pktmbuf_pool_private about{};
    about.mbuf_data_room_size = room;
    int rc = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr);
    if (rc == 0) {
        rte_pktmbuf_pool_init(pool, &about);
        rc = rte_mempool_populate_default(pool);
    }
    if (rc < 0) {
        rte_mempool_free(pool);
        rte_errno = -rc;
        return nullptr;
    }
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
    return pool;
}

} // namespace dpdkbond

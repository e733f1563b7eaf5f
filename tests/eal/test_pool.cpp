// SPDX-License-Identifier: BSD-3-Clause
// Pools of packet buffers in ordinary pages.
#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include <rte_mbuf.h>

#include "dpdk/pool.hpp"

using namespace dpdkbond;

TEST_CASE("packet buffers lie close together in ordinary pages") {
    constexpr unsigned kCount = 1023;
    rte_mempool* const pool = make_packet_pool("close", kCount, 32, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    REQUIRE(pool != nullptr);
    CHECK(rte_pktmbuf_data_room_size(pool) == RTE_MBUF_DEFAULT_BUF_SIZE);
    std::vector<rte_mbuf*> all(kCount);
    REQUIRE(rte_pktmbuf_alloc_bulk(pool, all.data(), kCount) == 0);
    const auto [first, last] = std::ranges::minmax_element(all);
    const auto span =
        static_cast<std::size_t>(reinterpret_cast<char*>(*last) - reinterpret_cast<char*>(*first));
    // A page each would be 4096.
    CHECK(span / (kCount - 1) < sizeof(rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE + 256);
    for (rte_mbuf* m : all) {
        CHECK(rte_pktmbuf_headroom(m) == RTE_PKTMBUF_HEADROOM);
        CHECK(m->pool == pool);
    }
    rte_pktmbuf_free_bulk(all.data(), kCount);
    CHECK(rte_mempool_avail_count(pool) == kCount);
    rte_mempool_free(pool);
}

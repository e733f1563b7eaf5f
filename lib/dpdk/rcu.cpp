// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/rcu.hpp"

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <unistd.h>

#include <stdexcept>

#include "dpdk/clock.hpp"

namespace dpdkbond {

Rcu::Rcu(unsigned max_threads) {
    const std::size_t size = rte_rcu_qsbr_get_memsize(max_threads);
    qsbr_ = static_cast<rte_rcu_qsbr*>(rte_zmalloc("rcu", size, RTE_CACHE_LINE_SIZE));
    if (qsbr_ == nullptr || rte_rcu_qsbr_init(qsbr_, max_threads) != 0)
        throw std::runtime_error("no memory for RCU");
    for (unsigned t = 0; t < max_threads; ++t) rte_rcu_qsbr_thread_register(qsbr_, t);
}

Rcu::~Rcu() { rte_free(qsbr_); }

void Rcu::online(unsigned thread) { rte_rcu_qsbr_thread_online(qsbr_, thread); }
void Rcu::offline(unsigned thread) { rte_rcu_qsbr_thread_offline(qsbr_, thread); }
void Rcu::quiescent(unsigned thread) { rte_rcu_qsbr_quiescent(qsbr_, thread); }
std::uint64_t Rcu::start() { return rte_rcu_qsbr_start(qsbr_); }
bool Rcu::wait(Duration patience) {
    const std::uint64_t token = start();
    for (const Time end = now() + patience; !passed(token); usleep(100))
        if (now() >= end) return false;
    return true;
}
bool Rcu::passed(std::uint64_t token) { return rte_rcu_qsbr_check(qsbr_, token, false) == 1; }

} // namespace dpdkbond

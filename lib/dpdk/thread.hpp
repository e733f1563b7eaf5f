// SPDX-License-Identifier: BSD-3-Clause
// Threads that EAL knows (DPDK's log and its per-thread data work there), by the API of 22.11 and of later
// releases.
#pragma once

#include <rte_lcore.h>
#include <rte_version.h>

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#include <rte_thread.h>
#else
#include <pthread.h>
#endif

#include <cstdint>

namespace dpdkbond::dpdk {

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
using Thread = rte_thread_t;
using ThreadResult = std::uint32_t;
inline constexpr ThreadResult kThreadDone = 0;
inline bool start_thread(Thread& out, const char* name, rte_thread_func run, void* with) {
    return rte_thread_create_control(&out, name, run, with) == 0;
}
inline void join_thread(Thread thread) { rte_thread_join(thread, nullptr); }
#else
using Thread = pthread_t;
using ThreadResult = void*;
inline constexpr ThreadResult kThreadDone = nullptr;
inline bool start_thread(Thread& out, const char* name, void* (*run)(void*), void* with) {
    return rte_ctrl_thread_create(&out, name, nullptr, run, with) == 0;
}
inline void join_thread(Thread thread) { pthread_join(thread, nullptr); }
#endif

} // namespace dpdkbond::dpdk

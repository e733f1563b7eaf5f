// SPDX-License-Identifier: BSD-3-Clause
// DPDK's headers for drivers, and what differs between the releases 22.11 and 24.11.
#pragma once

#include <rte_version.h>

#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_flow_driver.h>
#include <rte_thread.h>

#include <pthread.h>

#include <cstdint>

namespace dpdkbond::dpdk {

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
using Thread = rte_thread_t;
inline bool start_thread(Thread& out, const char* name, rte_thread_func run, void* with) {
    return rte_thread_create_control(&out, name, run, with) == 0;
}
inline void join_thread(Thread thread) { rte_thread_join(thread, nullptr); }
using ThreadResult = std::uint32_t;
inline constexpr ThreadResult kThreadDone = 0;
#else
using Thread = pthread_t;
inline bool start_thread(Thread& out, const char* name, void* (*run)(void*), void* with) {
    return rte_ctrl_thread_create(&out, name, nullptr, run, with) == 0;
}
inline void join_thread(Thread thread) { pthread_join(thread, nullptr); }
using ThreadResult = void*;
inline constexpr ThreadResult kThreadDone = nullptr;
#endif

} // namespace dpdkbond::dpdk

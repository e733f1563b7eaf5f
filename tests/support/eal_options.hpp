// SPDX-License-Identifier: BSD-3-Clause
// DPDK for a test: little memory, no telemetry, control on the first processor that there is.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <string>

#include "dpdk/eal.hpp"

namespace dpdkbond::testing {

inline EalOptions eal_options(const std::string& name) { // a name for each executable
    EalOptions o;
    o.file_prefix = name + std::to_string(::getpid());
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;)
            if (CPU_ISSET(cpu, &set)) o.control_cpu = cpu;
    o.memory_mb = 128;
    o.extra_args = {"--no-telemetry"};
    return o;
}

} // namespace dpdkbond::testing

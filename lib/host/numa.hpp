// SPDX-License-Identifier: BSD-3-Clause
// Where things are on a machine with several memory nodes. Any ordinary thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/pci.hpp"

namespace dpdkbond {

// Nothing: the machine does not say, or the netdev is virtual.
std::optional<int> numa_node_of_netdev(const std::string& netdev,
                                       const std::filesystem::path& sysfs = "/sys");
std::optional<int> numa_node_of_pci(const PciAddress& address, const std::filesystem::path& sysfs = "/sys");
// Nothing for a CPU that there is not; 0 for all of a machine without NUMA.
std::optional<int> numa_node_of_cpu_id(int cpu);
// CPUs that the calling thread may run on (cpusets and taskset counted in), in order.
std::vector<unsigned> usable_cpus();

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "host/numa.hpp"

#include <numa.h>
#include <sched.h>
#include <thread>

#include "host/files.hpp"

namespace dpdkbond {

namespace {

std::optional<int> node_in(const std::filesystem::path& file) {
    const auto node = read_number(file);
    if (!node || *node < 0) return std::nullopt; // sysfs says -1 for "unknown"
    return static_cast<int>(*node);
}

} // namespace

std::optional<int> numa_node_of_netdev(const std::string& netdev, const std::filesystem::path& sysfs) {
    return node_in(sysfs / "class/net" / netdev / "device/numa_node");
}

std::optional<int> numa_node_of_pci(const PciAddress& address, const std::filesystem::path& sysfs) {
    return node_in(sysfs / "bus/pci/devices" / address.to_string() / "numa_node");
}

std::optional<int> numa_node_of_cpu_id(int cpu) {
    if (::numa_available() < 0) {
        if (cpu < 0 || cpu >= static_cast<int>(std::thread::hardware_concurrency())) return std::nullopt;
        return 0;
    }
    const int node = ::numa_node_of_cpu(cpu);
    if (node < 0) return std::nullopt;
    return node;
}

std::vector<unsigned> usable_cpus() {
    std::vector<unsigned> cpus;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    } else { // machines with more CPUs than the set has room for
        for (unsigned cpu = 0; cpu < std::thread::hardware_concurrency(); ++cpu) cpus.push_back(cpu);
    }
    return cpus;
}

} // namespace dpdkbond

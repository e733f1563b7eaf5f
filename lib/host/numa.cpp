// SPDX-License-Identifier: BSD-3-Clause
#include "host/numa.hpp"

#include <numa.h>
#include <sched.h>
#include <sstream>
#include <sys/mman.h>
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

std::vector<unsigned> isolated_cpus(const std::filesystem::path& sysfs) {
    std::vector<unsigned> cpus;
    std::istringstream ranges(read_text(sysfs / "devices/system/cpu/isolated").value_or(""));
    for (std::string range; std::getline(ranges, range, ',');) { // "2-5,7"
        std::istringstream text(range);
        unsigned first = 0;
        unsigned last = 0;
        char dash = 0;
        if (!(text >> first)) continue;
        if (!(text >> dash >> last)) last = first;
        for (unsigned cpu = first; cpu <= last && cpu < CPU_SETSIZE; ++cpu) cpus.push_back(cpu);
    }
    return cpus;
}

namespace {

bool several_nodes() { return ::numa_available() >= 0 && ::numa_num_configured_nodes() > 1; }

} // namespace

void prefer_memory_of(std::optional<int> node) {
    if (node && several_nodes()) ::numa_set_preferred(*node);
}

// By mmap() and not libnuma's allocator, so that it works without NUMA too.
void* allocate_on_node(std::size_t bytes, std::optional<int> node) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    if (node && several_nodes()) ::numa_tonode_memory(memory, bytes, *node);
    return memory;
}

void free_on_node(void* memory, std::size_t bytes) noexcept { ::munmap(memory, bytes); }

} // namespace dpdkbond

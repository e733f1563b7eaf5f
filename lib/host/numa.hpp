// SPDX-License-Identifier: BSD-3-Clause
// Where things are on a machine with several memory nodes. Any ordinary thread.
#pragma once

#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
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
// CPUs that the kernel keeps free of everything that does not ask for them (isolcpus=), in order: no thread
// may run there unless it is put there.
std::vector<unsigned> isolated_cpus(const std::filesystem::path& sysfs = "/sys");

// Memory that the calling thread, and those it starts, touch first comes from this node where it has some.
// Nothing changes on a machine of one node.
void prefer_memory_of(std::optional<int> node);

// Whole pages on a node; on any when there is no such node, or when it is full. Throws std::bad_alloc.
void* allocate_on_node(std::size_t bytes, std::optional<int> node);
void free_on_node(void* memory, std::size_t bytes) noexcept;

template <class T> struct NodeDeleter {
    void operator()(T* object) const noexcept {
        object->~T();
        free_on_node(object, sizeof(T));
    }
};
template <class T> using NodePtr = std::unique_ptr<T, NodeDeleter<T>>;

// An object in memory of a node, for what one lcore of that node touches all the time.
template <class T, class... Args> NodePtr<T> make_on_node(std::optional<int> node, Args&&... args) {
    void* memory = allocate_on_node(sizeof(T), node);
    try {
        return NodePtr<T>(::new (memory) T(std::forward<Args>(args)...));
    } catch (...) {
        free_on_node(memory, sizeof(T));
        throw;
    }
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The EAL as an object: initialised once in the constructor, cleaned up in the destructor, its runtime folder
// gone afterwards. Main thread; throws std::runtime_error with one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dpdkbond {

struct EalOptions {
    std::string file_prefix;
    unsigned control_cpu = 0;          // becomes lcore 0, the main lcore
    std::vector<unsigned> worker_cpus; // become lcores 1 … n
    unsigned memory_mb = 512;
    bool hugepages = false;
    std::vector<std::string> pci_allow; // probed at the start; others only when a member names them
    std::vector<std::string> extra_args;
    void (*log)(std::string_view line) = nullptr; // takes what DPDK logs, from any thread; nullptr: stderr
};

class Eal {
public:
    explicit Eal(const EalOptions& options);
    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    static std::vector<std::string> arguments(const EalOptions& options); // as given to rte_eal_init()
    [[nodiscard]] static std::string runtime_dir();                       // only while an Eal lives
    // So many bytes are about to be taken from ordinary pages and written to. Asked of the kernel at once
    // they come several times faster than by a fault each. A hint: nothing depends on it.
    static void fetch_pages(std::size_t bytes);
    static void remove_runtime_dir(); // for a process that ends without the destructor
};

} // namespace dpdkbond

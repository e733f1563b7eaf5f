// SPDX-License-Identifier: BSD-3-Clause
// The EAL as an object: initialised once in the constructor, cleaned up in the destructor, its runtime folder
// gone afterwards. Main thread; throws std::runtime_error with one line.
#pragma once

#include <string>
#include <vector>

namespace dpdkbond {

struct EalOptions {
    std::string file_prefix;
    unsigned control_cpu = 0;          // becomes lcore 0, the main lcore
    std::vector<unsigned> worker_cpus; // become lcores 1 … n
    unsigned memory_mb = 512;
    bool hugepages = false;
    bool pci = false; // probe the devices of `pci_allow` and no others
    std::vector<std::string> pci_allow;
    std::vector<std::string> extra_args;
};

class Eal {
public:
    explicit Eal(const EalOptions& options);
    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    static std::vector<std::string> arguments(const EalOptions& options); // as given to rte_eal_init()
    [[nodiscard]] static std::string runtime_dir();                       // only while an Eal lives
};

} // namespace dpdkbond

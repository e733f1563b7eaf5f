// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/eal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace dpdkbond {

std::vector<std::string> Eal::arguments(const EalOptions& o) {
    std::string lcores = fmt::format("0@{}", o.control_cpu);
    for (std::size_t i = 0; i < o.worker_cpus.size(); ++i) lcores += fmt::format(",{}@{}", i + 1, o.worker_cpus[i]);
    std::vector<std::string> args{"dpdk-bond", "--lcores", lcores, "--main-lcore", "0", "--file-prefix", o.file_prefix};
    if (o.hugepages) {
        // The files of the pages are unlinked at once, so that even a killed process gives its hugepages back.
        args.insert(args.end(), {"--huge-unlink", "-m", std::to_string(o.memory_mb)});
    } else {
        args.insert(args.end(), {"--no-huge", "-m", std::to_string(o.memory_mb)});
    }
    if (!o.pci) args.emplace_back("--no-pci");
    for (const std::string& address : o.pci_allow) args.insert(args.end(), {"-a", address});
    // What DPDK says at start-up of every normal run is not news: telemetry's lack of legacy callbacks, net_tap's lack of
    // a queueing discipline that only its rte_flow needs.
    for (const char* level : {"warning", "lib.telemetry:error", "pmd.net.tap:critical"})
        args.insert(args.end(), {"--log-level", level});
    args.insert(args.end(), o.extra_args.begin(), o.extra_args.end());
    return args;
}

Eal::Eal(const EalOptions& options) {
    const std::vector<std::string> args = arguments(options);
    std::vector<char*> argv;
    for (const std::string& a : args) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    if (rte_eal_init(static_cast<int>(args.size()), argv.data()) < 0) {
        const std::string why = rte_strerror(rte_errno);
        throw std::runtime_error(fmt::format("DPDK did not start: {} (file prefix {}; is another instance running?)",
                                             why, options.file_prefix));
    }
}

Eal::~Eal() {
    const std::string dir = runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
}

std::string Eal::runtime_dir() { return rte_eal_get_runtime_dir(); }

} // namespace dpdkbond

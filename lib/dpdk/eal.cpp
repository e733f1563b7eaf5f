// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/eal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

namespace dpdkbond {

namespace {

// The EAL answers a bad argument with its whole usage text on stdout; what is wrong it says on stderr.
int init_without_usage(int argc, char** argv) {
    std::fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
    const int rc = rte_eal_init(argc, argv);
    std::fflush(stdout);
    if (kept >= 0) dup2(kept, STDOUT_FILENO);
    if (kept >= 0) close(kept);
    if (nowhere >= 0) close(nowhere);
    return rc;
}

} // namespace

std::vector<std::string> Eal::arguments(const EalOptions& o) {
    std::string lcores = fmt::format("0@{}", o.control_cpu);
    for (std::size_t i = 0; i < o.worker_cpus.size(); ++i)
        lcores += fmt::format(",{}@{}", i + 1, o.worker_cpus[i]);
    std::vector<std::string> args{"dpdk-bond", "--lcores",      lcores,       "--main-lcore",
                                  "0",         "--file-prefix", o.file_prefix};
    if (o.hugepages) {
        // The files of the pages are unlinked at once, so that even a killed process gives its hugepages
        // back.
        args.insert(args.end(), {"--huge-unlink", "-m", std::to_string(o.memory_mb)});
    } else {
        args.insert(args.end(), {"--no-huge", "-m", std::to_string(o.memory_mb)});
    }
    if (!o.pci) args.emplace_back("--no-pci");
    for (const std::string& address : o.pci_allow) args.insert(args.end(), {"-a", address});
    // What DPDK says at start-up of every normal run is not news: telemetry's lack of legacy callbacks,
    // net_tap's lack of a queueing discipline that only its rte_flow needs.
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
    const int rc = init_without_usage(static_cast<int>(args.size()), argv.data());
    if (rc >= 0) return;
    if (rte_errno == EINVAL)
        throw std::runtime_error("DPDK refused its arguments (see above); look at runtime.eal_args");
    throw std::runtime_error(
        fmt::format("DPDK did not start (see above); is another instance of file prefix {} running?",
                    options.file_prefix));
}

Eal::~Eal() {
    const std::string dir = runtime_dir();
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
    std::filesystem::remove(std::filesystem::path(dir).parent_path(), ignored); // unless others are there
}

std::string Eal::runtime_dir() { return rte_eal_get_runtime_dir(); }

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// DPDK without hugepages and devices under a file prefix of this process's own.
#include <filesystem>

#include <rte_eal.h>
#include <unistd.h>

#include "catch_session.hpp"
#include "eal_prefix.hpp"
#include "ops/client.hpp"

const std::string& dpdkbond::test::eal_prefix() {
    static const std::string prefix = "dpdkbond-ops-" + std::to_string(::getpid());
    return prefix;
}

int main(int argc, char** argv) {
    std::string prefix = dpdkbond::test::eal_prefix();
    char program[] = "test_ops_eal", no_huge[] = "--no-huge", no_pci[] = "--no-pci", m[] = "-m",
         megabytes[] = "64", lcores[] = "--lcores=0", log[] = "--log-level=*:error",
         file_prefix[] = "--file-prefix";
    char* eal[] = {program, no_huge, no_pci, m, megabytes, lcores, log, file_prefix, prefix.data()};
    if (rte_eal_init(static_cast<int>(std::size(eal)), eal) < 0) return 77; // meson: skipped, no EAL here
    const int result = dpdkbond::testing::run_tests(argc, argv);
    rte_eal_cleanup();
    std::error_code ignored;
    std::filesystem::remove_all(dpdkbond::runtime_dir(prefix), ignored);
    return result;
}

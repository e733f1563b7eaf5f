// SPDX-License-Identifier: BSD-3-Clause
// A private network namespace, DPDK without hugepages and devices, and a pool.
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "catch_session.hpp"
#include "namespace.hpp"

namespace dpdkbond::testing {

namespace {
rte_mempool* g_pool = nullptr;
}

rte_mempool* frame_pool() { return g_pool; }

bool command(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()) == 0; }

} // namespace dpdkbond::testing

int main(int argc, char** argv) {
    using namespace dpdkbond::testing;
    constexpr int kSkipped = 77; // as meson reads it
    if (::unshare(CLONE_NEWNET) != 0 || !command("ip link set lo up")) return kSkipped;
    if (!command("ip link add probe0 type veth peer name probe1") || !command("ip link del probe0"))
        return kSkipped;
    std::string prefix = "dpdkbond-ports-" + std::to_string(::getpid());
    std::string arguments[] = {"test_ports_eal",
                               "--no-huge",
                               "--no-pci",
                               "-m",
                               "128",
                               "--lcores=0",
                               "--in-memory",
                               "--log-level=*:error",
                               "--no-telemetry",
                               "--file-prefix=" + prefix};
    std::vector<char*> eal;
    for (std::string& a : arguments) eal.push_back(a.data());
    if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) return kSkipped;
    g_pool = rte_pktmbuf_pool_create("frames", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    const int result = run_tests(argc, argv);
    rte_mempool_free(g_pool);
    rte_eal_cleanup();
    return result;
}

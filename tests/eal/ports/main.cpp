// SPDX-License-Identifier: BSD-3-Clause
// A private network namespace, DPDK without hugepages and devices, and a pool.
#include <rte_mbuf.h>
#include <sched.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "catch_session.hpp"
#include "eal_options.hpp"
#include "namespace.hpp"

namespace dpdkbond::testing {

namespace {
rte_mempool* g_pool = nullptr;
std::vector<std::string> g_log; // lines of DPDK's
} // namespace

rte_mempool* frame_pool() { return g_pool; }

std::vector<std::string>& dpdk_log() { return g_log; }

bool command(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()) == 0; }

} // namespace dpdkbond::testing

int main(int argc, char** argv) {
    using namespace dpdkbond::testing;
    constexpr int kSkipped = 77; // as meson reads it
    if (::unshare(CLONE_NEWNET) != 0 || !command("ip link set lo up")) return kSkipped;
    if (!command("ip link add probe0 type veth peer name probe1") || !command("ip link del probe0"))
        return kSkipped;
    dpdkbond::EalOptions options = eal_options("bondports");
    options.log = [](std::string_view line) { g_log.emplace_back(line); };
    const dpdkbond::Eal eal(options);
    g_pool = rte_pktmbuf_pool_create("frames", 8191, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    const int result = run_tests(argc, argv);
    rte_mempool_free(g_pool);
    return result;
}

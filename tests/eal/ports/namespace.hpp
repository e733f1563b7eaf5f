// SPDX-License-Identifier: BSD-3-Clause
// The tests of this executable run in a network namespace of their own, made by main.cpp; it goes with the
// process.
#pragma once

#include <string>
#include <vector>

struct rte_mempool;

namespace dpdkbond::testing {

rte_mempool* frame_pool();
std::vector<std::string>& dpdk_log();  // what DPDK has logged, line by line
bool command(const std::string& line); // whether it succeeded

struct Veth { // a0 and b0, up, without IPv6
    Veth() {
        command("ip link add a0 type veth peer name b0");
        for (const char* name : {"a0", "b0"}) {
            command("sysctl -qw net.ipv6.conf." + std::string(name) + ".disable_ipv6=1");
            command("ip link set " + std::string(name) + " arp off up");
        }
    }
    ~Veth() { command("ip link del a0"); }
    Veth(const Veth&) = delete;
    Veth& operator=(const Veth&) = delete;
};

} // namespace dpdkbond::testing

// SPDX-License-Identifier: BSD-3-Clause
// What can be said of the devargs of virtual devices without DPDK.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace dpdkbond {

// What the packet sockets of our own (lib/ports) take from `net_af_packetN,…`.
struct PacketSocketArgs {
    std::string netdev;          // iface
    std::uint16_t rx_queues = 1; // qpairs; more: the kernel spreads flows over them (PACKET_FANOUT)
    bool qdisc_bypass = false;   // frames pass the netdev's queueing discipline by
};
constexpr std::uint16_t kMostPacketQueues = 32;

// The keys of DPDK's driver; its blocksz, framesz and framecnt are for its ring and mean nothing here. Other
// keys are an error, which begins with a word of the devargs.
Result<PacketSocketArgs> packet_socket_args(const std::string& devargs);
// Whether such devargs are ours: those of net_af_packet without `pmd=1`, which asks for DPDK's driver.
bool is_packet_socket(const std::string& devargs);
// The devargs that DPDK gets: without `pmd`.
std::string without_pmd_key(const std::string& devargs);

// A driver of virtual devices that looks like one of DPDK's, misspelt: "net_af_paket0": what is wrong and
// what is near. Empty: it is known, or nothing is near (a driver that a plug-in brings).
std::string misspelt_driver(const std::string& device_name);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A netdev of this kernel as a member, by packet sockets of our own (`net_af_packetN,iface=X`): super-frames
// of up to 64 KB both ways and checksums left undone, told by a virtio-net header each (PACKET_VNET_HDR);
// VLAN tags with their TPID; no MTU of its own; sends that never wait.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "dpdk/port_ops.hpp"
#include "host/handover.hpp"

namespace dpdkbond {

struct PacketSocketSetup {
    std::string netdev;
    std::uint16_t rx_queues = 1; // more: the kernel spreads flows over them (PACKET_FANOUT)
    bool qdisc_bypass = false;   // frames pass the netdev's queueing discipline by
    HandedFds handed = {};       // the sockets that it received by before a restart, with what has come since
};

// Of devargs: iface, qpairs, qdisc_bypass as DPDK's driver knows them; its blocksz, framesz and framecnt are
// for its ring and mean nothing here. Other keys are an error.
Result<PacketSocketSetup> packet_socket_setup(const std::string& devargs);
// Whether such devargs are ours: those of net_af_packet without `pmd=1`, which asks for DPDK's driver.
bool is_packet_socket(const std::string& devargs);
// The devargs that DPDK gets: without `pmd`.
std::string without_pmd_key(const std::string& devargs);

Result<std::unique_ptr<PortOps>> open_packet_socket(PacketSocketSetup setup);

} // namespace dpdkbond

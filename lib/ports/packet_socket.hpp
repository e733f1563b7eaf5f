// SPDX-License-Identifier: BSD-3-Clause
// A netdev of this kernel as a member, by packet sockets of our own (`net_af_packetN,iface=X`): super-frames
// of up to 64 KB both ways and checksums left undone, told by a virtio-net header each (PACKET_VNET_HDR);
// VLAN tags with their TPID; no MTU of its own; sends that never wait.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "dpdk/port_ops.hpp"
#include "host/handover.hpp"
#include "options/vdev_args.hpp"

namespace dpdkbond {

// `handed`: the sockets that it received by before a restart, with what has come since.
Result<std::unique_ptr<PortOps>> open_packet_socket(PacketSocketArgs args, HandedFds handed = {});

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Descriptors that socket drivers of DPDK hold inside this process and do not show, found by what they are
// bound to: an idle worker sleeps on them. The descriptors stay their drivers' property; look again after a
// port was restarted. Ordinary threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace dpdkbond {

// Packet sockets bound to a netdev (af_packet), in order of their numbers.
std::vector<int> find_packet_socket_fds(int ifindex);

// All AF_XDP sockets of this process, in order of their numbers, and those that were opened since it was
// asked: a port's, when it was asked before that port was started.
std::vector<int> list_xdp_socket_fds();
std::vector<int> xdp_socket_fds_since(const std::vector<int>& before);

// Queues of a tun or tap device.
std::vector<int> find_tun_fds(const std::string& name);

// The name, in whatever namespace, of the netdev that these queues belong to; nothing: it was deleted.
std::optional<std::string> tun_name(const std::vector<int>& queues);

// The network namespace that it lives in now; invalid where the kernel does not tell (before 5.0).
Fd tun_namespace(const std::vector<int>& queues);

// The carrier of the netdev that these queues belong to, whatever its name and namespace. false: none of them
// belongs to a netdev any more.
bool set_tun_carrier(const std::vector<int>& queues, bool up);

} // namespace dpdkbond

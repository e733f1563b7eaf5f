// SPDX-License-Identifier: BSD-3-Clause
// vhost-net, the kernel's side of a virtio-user port. Ordinary threads.
#pragma once

#include <filesystem>
#include <vector>

namespace dpdkbond {

// Whether a virtio-user port with a kernel back end can be made: that takes /dev/vhost-net and /dev/net/tun,
// both for reading and writing. Opening vhost-net loads its module where the device node is there for that;
// where it is not, the module is loaded first.
bool vhost_net_works(const std::filesystem::path& dev = "/dev");

// Loads the module behind /dev/net/tun where that is missing.
void provide_tun();

// The threads that move frames for this process's vhost-net queues, by thread id: kernel threads up to Linux
// 6.3, threads of this process since. Both are called vhost-N, N a thread of this process.
std::vector<int> vhost_threads(const std::filesystem::path& proc = "/proc");

// Lets those threads run on `cpus` alone; how many obeyed. None when `cpus` is empty.
unsigned place_vhost_threads(const std::vector<unsigned>& cpus);

} // namespace dpdkbond

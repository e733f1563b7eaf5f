// SPDX-License-Identifier: BSD-3-Clause
// The tiny BPF programs this project attaches to netdevs, by bpf(2) and without a library. Where a BPF link
// is returned the program is on the netdev for exactly as long as the descriptor is open, so a crash takes it
// off too. Ordinary threads; the netdev is looked up in the namespace of the calling thread. CAP_BPF and
// CAP_NET_ADMIN.
#pragma once

#include "base/fd.hpp"
#include "base/result.hpp"

namespace dpdkbond {

// Everything received is dropped before the kernel's protocols see it; packet sockets are served earlier and
// still get it. Goes before whatever is attached already. Linux 6.6 (tcx).
Result<Fd> attach_tcx_drop(int ifindex);

// Everything received is passed on, by an XDP program in the driver (not the generic hook).
Result<Fd> attach_native_xdp_pass(int ifindex);

// Chooses the queue of each frame that the kernel sends to this tun or tap device: the one that the frame
// asks for (skb->queue_mapping less one, as Linux's bonding reads it), else queue 0. `fd` is any of the
// device's queues. Without it the kernel spreads flows over all queues. Linux 4.16.
Result<void> steer_tun(int fd);
Result<void> unsteer_tun(int fd);

} // namespace dpdkbond

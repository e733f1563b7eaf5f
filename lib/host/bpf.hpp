// SPDX-License-Identifier: BSD-3-Clause
// The two tiny BPF programs this project attaches to netdevs, by bpf(2) and without a library. Each returns a
// BPF link: the program is on the netdev for exactly as long as the descriptor is open, so a crash takes it
// off too. Ordinary threads; the netdev is looked up in the namespace of the calling thread. CAP_BPF and
// CAP_NET_ADMIN.
#pragma once

#include "base/result.hpp"
#include "host/fd.hpp"

namespace dpdkbond {

// Everything received is dropped before the kernel's protocols see it; packet sockets are served earlier and
// still get it. Goes before whatever is attached already. Linux 6.6 (tcx).
Result<Fd> attach_tcx_drop(int ifindex);

// Everything received is passed on, by an XDP program in the driver (not the generic hook).
Result<Fd> attach_native_xdp_pass(int ifindex);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A tap of our own, the logical interface of backend `tap`: the kernel gives and takes super-frames of up to
// 64 KB and leaves checksums undone, told by a virtio-net header each (DPDK's net_tap knows neither). Reads
// and writes never wait.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "dpdk/port_ops.hpp"
#include "host/handover.hpp"

namespace dpdkbond {

struct TapSetup {
    std::string name;      // of the netdev, which must not exist unless its queues are `handed`
    bool offloads = true;  // what the kernel is offered: checksums and segmentation
    HandedFds handed = {}; // its queues, if it is there already: of an instance that left warm
};

// Makes the netdev, down and with a MAC of the kernel's choice. It goes with the port.
Result<std::unique_ptr<PortOps>> make_tap(TapSetup setup);

} // namespace dpdkbond

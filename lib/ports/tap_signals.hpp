// SPDX-License-Identifier: BSD-3-Clause
// net_tap (22.11) asks the kernel for a signal a packet and reads only when one was handled since its last
// look. A signal that comes between two looks leaves a frame lying until the next one. With the signals
// blocked everywhere (block_signals) and turned off at the descriptors, the driver reads whenever it is asked
// to.
#pragma once

#include "dpdk/port.hpp"

namespace dpdkbond {

void read_tap_without_signals(const Port& port); // after it has started; no-op for other drivers

} // namespace dpdkbond

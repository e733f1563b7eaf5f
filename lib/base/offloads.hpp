// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace dpdkbond {

// Which work left undone a port takes and gives (datapath/offload.hpp): none; checksums, and the cutting of
// TCP without congestion marks (DPDK's virtio driver), both ways; that of UDP and all else, too (ports of our
// own).
enum class Offloads : std::uint8_t { none, tcp, all };

} // namespace dpdkbond

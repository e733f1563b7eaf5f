// SPDX-License-Identifier: BSD-3-Clause
// Offloads of netdevs, by the ethtool ioctl. Ordinary threads, namespace of the calling
// thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace dpdkbond {

// Nothing where the netdev is gone or the kernel does not know the offload.
std::optional<bool> gro_is_on(const std::string& netdev);
std::optional<bool> lro_is_on(const std::string& netdev);
std::optional<bool> tx_checksum_is_on(const std::string& netdev);
Result<void> set_gro(const std::string& netdev, bool on);
Result<void> set_lro(const std::string& netdev, bool on);
Result<void> set_tx_checksum(const std::string& netdev, bool on); // off: segmentation goes with it

} // namespace dpdkbond

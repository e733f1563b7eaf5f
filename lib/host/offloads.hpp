// SPDX-License-Identifier: BSD-3-Clause
// Receive offloads that merge frames, by the ethtool ioctl. Ordinary threads, namespace of the calling
// thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace dpdkbond {

// Nothing where the netdev is gone or the kernel does not know the offload.
std::optional<bool> gro_is_on(const std::string& netdev);
std::optional<bool> lro_is_on(const std::string& netdev);
Result<void> set_gro(const std::string& netdev, bool on);
Result<void> set_lro(const std::string& netdev, bool on);

} // namespace dpdkbond

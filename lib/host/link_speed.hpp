// SPDX-License-Identifier: BSD-3-Clause
// Speed and duplex of a netdev as ethtool tells them. Ordinary threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace dpdkbond {

struct LinkSpeed {
    std::uint32_t mbps = 0; // 0: unknown, or no carrier
    std::optional<bool> full_duplex;
};

LinkSpeed link_speed(const std::string& netdev); // an unknown netdev has no speed
// What a tap says of itself, full duplex; 0: unknown, and so is its duplex.
Result<void> set_link_speed(const std::string& netdev, std::uint32_t mbps);

} // namespace dpdkbond

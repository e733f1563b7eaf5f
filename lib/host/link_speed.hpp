// SPDX-License-Identifier: BSD-3-Clause
// Speed and duplex of a netdev as ethtool tells them. Ordinary threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dpdkbond {

struct LinkSpeed {
    std::uint32_t mbps = 0; // 0: unknown, or no carrier
    std::optional<bool> full_duplex;
};

LinkSpeed link_speed(const std::string& netdev); // an unknown netdev has no speed

} // namespace dpdkbond

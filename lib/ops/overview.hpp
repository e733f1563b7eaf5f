// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <string>

#include "ops/instance.hpp"

namespace dpdkbond {

// All bonds in one line, as `systemctl status` shows it: "bond0 up (2 of 2 members), bond1 down (0 of 2
// members)".
std::string overview_line(std::span<const BondView> bonds);

} // namespace dpdkbond

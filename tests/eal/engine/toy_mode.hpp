// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "datapath/mode.hpp"

namespace dpdkbond::testing {

inline constexpr Mode kToyMode{kModeCount};
extern const ModeDescriptor toy_mode;

} // namespace dpdkbond::testing

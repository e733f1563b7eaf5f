// SPDX-License-Identifier: BSD-3-Clause
// What a capture says of itself and its client waits for.
#pragma once

#include <string_view>

namespace dpdkbond {

inline constexpr std::string_view kCaptureEnded = " has ended (";

} // namespace dpdkbond

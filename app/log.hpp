// SPDX-License-Identifier: BSD-3-Clause
// One line on stderr, whole, with the time of day. Ordinary threads only: writing may block.
#pragma once

#include <string_view>

namespace dpdkbond {

void log_line(std::string_view text);

} // namespace dpdkbond

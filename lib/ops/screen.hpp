// SPDX-License-Identifier: BSD-3-Clause
// Text that is written over the last one on a terminal. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dpdkbond {

// What to write to a terminal of so many rows and columns, so that it shows the text from its first row on
// and nothing else. Lines are cut at the last column; what has no row is told of in the last one.
std::string screen_of(std::string_view text, std::size_t rows, std::size_t columns);

} // namespace dpdkbond

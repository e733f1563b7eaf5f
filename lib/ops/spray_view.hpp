// SPDX-License-Identifier: BSD-3-Clause
// What the console and the status text show of a balance-spray bond.
#pragma once

#include <string>
#include <string_view>

#include "bond/views.hpp"

namespace dpdkbond {

// Lines for the status file: of the bond, of a member. Parsers of Linux's pass over them.
std::string spray_lines(const SprayView& view);
std::string spray_member_line(const SprayView& view, std::string_view member);

// A table of peers and paths, and what holds for all of them; ends with a newline.
std::string render_spray(const SprayView& view);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The console's commands as they are listed: what help and completion derive from. Any ordinary thread.
#pragma once

#include <string_view>
#include <vector>

#include "ops/console_grammar.hpp"

namespace dpdkbond {

const std::vector<Syntax>& console_syntaxes();
std::string_view console_help(std::size_t command); // what the command does, by its place in the list

} // namespace dpdkbond

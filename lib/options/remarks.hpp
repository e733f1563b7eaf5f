// SPDX-License-Identifier: BSD-3-Clause
// What is taken and does less than it says: for a warning. Pure, any thread.
#pragma once

#include <vector>

#include "options/options.hpp"

namespace dpdkbond {

// Of options that were given: delays that are no multiple of miimon, what changes nothing in this mode or
// without its partner option, and a bond whose links nobody watches. Before check_options(), which rounds.
std::vector<OptionProblem> option_remarks(Mode mode, const BondOptions& options, OptionSet given);

} // namespace dpdkbond

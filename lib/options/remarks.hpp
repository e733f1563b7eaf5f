// SPDX-License-Identifier: BSD-3-Clause
// What is taken and does less than it says: for a warning. Pure, any thread.
#pragma once

#include <vector>

#include "options/options.hpp"

namespace dpdkbond {

// Of options that were given: delays that are no multiple of miimon, and what changes nothing in this mode or
// without its partner option. Before check_options(), which rounds.
std::vector<OptionProblem> option_remarks(Mode mode, const BondOptions& options, OptionSet given);

// That nobody watches the links, or not as it seems. A bond that runs tells this itself.
std::vector<OptionProblem> monitor_remarks(const BondOptions& options);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A bond's configuration as YAML that loads again. Pure; any ordinary thread.
#pragma once

#include <string>

#include "options/model.hpp"

namespace dpdkbond {

std::string dump_runtime(const RuntimeConfig& runtime); // the key `runtime:`

// What was given and what differs from the defaults, under `bonds:`.
std::string dump_bond(const BondConfig& bond);

} // namespace dpdkbond

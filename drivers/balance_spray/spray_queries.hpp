// SPDX-License-Identifier: BSD-3-Clause
// What operators ask of a balance-spray bond.
#pragma once

#include <memory>

#include "balance/spray_paths.hpp"
#include "datapath/mode.hpp"

namespace dpdkbond {

const SprayPaths* spray_paths_of(const Controller& controller); // nullptr: another mode's. On control only.
std::unique_ptr<ModeQueries> spray_queries();

} // namespace dpdkbond

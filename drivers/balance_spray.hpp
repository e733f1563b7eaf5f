// SPDX-License-Identifier: BSD-3-Clause
// What the status of a balance-spray bond is made of.
#pragma once

#include "balance/spray_paths.hpp"

namespace dpdkbond {

const SprayPaths* spray_paths_of(const Controller& controller); // nullptr: another mode's. On control only.

} // namespace dpdkbond

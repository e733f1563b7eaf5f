// SPDX-License-Identifier: BSD-3-Clause
// Lets a group of users ask telemetry, and nothing else.
#pragma once

#include <string>

#include "base/result.hpp"

namespace dpdkbond {

// The telemetry socket in `dir` (…/dpdk/PREFIX) belongs to the group, which may pass through the folders
// above it. The console's socket stays root's. Error: which step failed.
Result<void> open_to_group(const std::string& dir, const std::string& group);

} // namespace dpdkbond

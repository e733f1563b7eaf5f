// SPDX-License-Identifier: BSD-3-Clause
// The configuration that stands for a bond of the kernel, read from sysfs. Ordinary threads; touches nothing.
#pragma once

#include <string>

#include "base/result.hpp"

namespace dpdkbond {

// YAML that load_config() takes, with what differs from the defaults. What cannot be taken over is there as
// a comment with the reason. The error says that `dev` is not a bond, or what could not be read.
Result<std::string> import_bond(const std::string& dev, const std::string& sysfs_root = "/sys/class/net");

} // namespace dpdkbond

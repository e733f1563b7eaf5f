// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace dpdkbond {

// modprobe, quietly; false when the kernel has no such module or will not load it. Waits for it: ordinary
// threads.
bool load_module(const std::string& module);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What the tables of modes and options say, for people. Pure, any thread.
#pragma once

#include <string>

namespace dpdkbond {

std::string modes_text();       // `dpdk-bond modes`: up to 100 columns
std::string options_markdown(); // docs/options.md, whole

} // namespace dpdkbond

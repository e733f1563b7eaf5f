// SPDX-License-Identifier: BSD-3-Clause
// One line in DPDK's log. Any thread.
#pragma once

#include <string>

namespace dpdkbond {

enum class LogLevel { error, warning, notice, info };
void log_line(LogLevel level, const std::string& text);

// Of which type the lines are, as --log-level names it; before the first line. Else "lib.dpdkbond".
void set_log_type(const char* name);

} // namespace dpdkbond

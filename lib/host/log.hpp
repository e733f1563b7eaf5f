// SPDX-License-Identifier: BSD-3-Clause
// One line on stderr, whole, with date, time and level, or where the journal reads it with its priority.
// Ordinary threads. It does not wait for who reads the log (a pipe, a terminal, the journal): lines that find
// no room are counted, and the next that does tells how many. The thread that logs is the one that sees to
// links and signals.
#pragma once

#include <string_view>

namespace dpdkbond {

void log_line(std::string_view text);

} // namespace dpdkbond

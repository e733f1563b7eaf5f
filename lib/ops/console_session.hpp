// SPDX-License-Identifier: BSD-3-Clause
// One console session on a stream socket. It begins as a terminal: prompt, echo, history (librte_cmdline). If
// the first byte that comes is kPlainMark, the session answers with kPlainMark and is plain from there on: a
// line a command. Behind the answer to each line comes kAnswered or kRefused, and behind the last one
// kAllAnswered: without that the session was cut off.
#pragma once

#include <string_view>

#include "ops/console_peer.hpp"
#include "ops/instance.hpp"
#include "ops/line_history.hpp"
#include "ops/wake.hpp"

namespace dpdkbond {

inline constexpr char kPlainMark = '\0';
inline constexpr char kStopMark = '\x01'; // may follow it: no line is run behind one that was refused
inline constexpr char kAnswered = '\x06', kRefused = '\x15', kAllAnswered = '\x04';
inline constexpr std::size_t kMaxPlainLine = 4096;
inline constexpr std::string_view kPrompt = "dpdk-bond> ";

// Serves until the peer ends, leaves or `stop` is set. `own`: it is on the program's own stdin. Does not
// close `fd`, makes it non-blocking. A thread of its own; blocks only for this peer. Never throws.
void serve_console(Instance& instance, LineHistory& history, int fd, const Wake& stop, WaitingSince& waiting,
                   bool own = false);

} // namespace dpdkbond

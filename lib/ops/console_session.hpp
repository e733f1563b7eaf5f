// SPDX-License-Identifier: BSD-3-Clause
// One console session on a stream socket. It begins as a terminal: prompt, echo, history (librte_cmdline). If
// the first byte that comes is kPlainMark, the session answers with kPlainMark and is plain from there on: a
// line a command, and nothing but the answers.
#pragma once

#include <string_view>

#include "ops/instance.hpp"
#include "ops/wake.hpp"

namespace dpdkbond {

inline constexpr char kPlainMark = '\0';
inline constexpr std::size_t kMaxPlainLine = 4096;
inline constexpr std::string_view kPrompt = "dpdk-bond> ";

// Serves until the peer ends or `stop` is set. Does not close `fd`, makes it non-blocking. A thread of its
// own; blocks only for this peer.
void serve_console(Instance& instance, int fd, const Wake& stop);

} // namespace dpdkbond

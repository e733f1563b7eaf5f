// SPDX-License-Identifier: BSD-3-Clause
// The other end of a session: a terminal or a pipe joined to the console's socket.
#pragma once

#include <string>

#include "base/result.hpp"
#include "ops/wake.hpp"

namespace dpdkbond {

// A connected socket, or one line that says why not.
Result<int> connect_unix_stream(const std::string& path);

// Carries bytes between `in`, `out` and the session on `fd` until the session ends or `stop` is set. The end
// of `in` ends the session once its answers are out. A terminal on `in` is raw meanwhile, except that Ctrl-C
// still is the signal, and as it was afterwards; anything else speaks the plain way. Closes nothing.
void attach_console(int fd, int in, int out, const Wake& stop);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The other end of a session: a terminal or a pipe joined to the console's socket.
#pragma once

#include <string>

#include "base/result.hpp"
#include "ops/wake.hpp"

namespace dpdkbond {

// A connected socket, or one line that says why not; errno is connect()'s then.
Result<int> connect_unix_stream(const std::string& path);

struct Stdio {
    int in, out, err;
};

enum class AfterRefusal { go_on, stop }; // stop, in the plain way: nothing is run behind a refused line

// Carries bytes between `io` and the session on `fd` until the session ends or `stop` is set. The end of the
// input ends the session once its answers are out. A terminal there is raw meanwhile, and as it was
// afterwards; Ctrl-C goes to the session, and if that does not answer to it the next one leaves. Anything
// else speaks the plain way, and what the session refuses goes to `io.err`. Closes nothing. False: there was
// no session, or in the plain way something was refused or not answered.
bool attach_console(int fd, const Stdio& io, const Wake& stop, AfterRefusal after = AfterRefusal::go_on);

} // namespace dpdkbond

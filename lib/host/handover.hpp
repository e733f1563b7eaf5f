// SPDX-License-Identifier: BSD-3-Clause
// Descriptors that outlive an instance: those of its logical interfaces, by which the netdevs stay as they
// are, with carrier. They go to the next instance by one of three ways: through exec (a restart), by the
// service manager's store, or by a keeper, a small process that waits for it. None of them leaves a netdev
// behind when nobody comes. Ordinary threads.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace dpdkbond {

struct HandedFd {
    std::string name; // "tap.bond0"; several may have the same
    Fd fd;
};
using HandedFds = std::vector<HandedFd>;

// In main(), before anything changes them: the program's file, its arguments, the processors it may use.
void remember_command_line(int argc, char** argv);
// This program, in this process, from the beginning; whatever file has its name by now. Returns only an
// error.
Error run_again(const HandedFds& fds);
// Asks the program's file, whatever it is by now, whether it would start with this configuration: `FILE -c
// CONFIG --check`. Empty: it would; else why not. Takes as long as that does, a minute at most.
std::string why_not_run_again(const std::string& config);

// What was passed on by run_again() or the service manager (sd_listen_fds(3)). The environment says so no
// more afterwards. `any_process`: whomever it was meant for.
HandedFds fds_from_environment(bool any_process = false);

// Starts `dpdk-bond keep`, which listens at `socket` when this returns and gives up after so many seconds.
Result<void> start_keeper(const HandedFds& fds, const std::filesystem::path& socket,
                          const std::string& file_prefix, unsigned seconds);
// The keeper's side. True: somebody has taken them or had them dropped; false: nobody came.
bool keep_until_taken(HandedFds fds, unsigned seconds);
// The other side. Nothing: there is no keeper.
HandedFds take_from_keeper(const std::filesystem::path& socket);
bool dismiss_keeper(const std::filesystem::path& socket); // it drops them; false: there was none

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// dpdk-bond stop and restart: the command on the console, and the wait for what comes of it.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "ops/client.hpp"
#include "ops/console_attach.hpp"

namespace dpdkbond {

namespace {

constexpr int kEndMs = 30'000, kStartMs = 60'000; // NICs go back to their drivers, and come, in seconds

// The instance by its process, so that none that has its number afterwards is waited for, and a connection to
// it that ends with its consoles.
struct Running {
    pid_t pid = 0;
    Fd process, console;
};

Result<Running> find_running(const std::string& prefix) {
    const auto fd = connect_unix_stream(console_path(prefix));
    if (!fd) return unreachable(prefix, errno);
    Running r;
    r.console.reset(fd.value());
    ucred peer{};
    socklen_t size = sizeof peer;
    ::getsockopt(fd.value(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
    r.pid = peer.pid;
    r.process.reset(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
    if (!r.process) return Error{fmt::format("process {} cannot be watched", peer.pid)};
    return r;
}

bool ended(const Running& r, int wait_ms) {
    pollfd end{r.process.get(), POLLIN, 0};
    return ::poll(&end, 1, wait_ms) == 1;
}

} // namespace

int stop_command(const std::string& prefix, bool warm) {
    auto running = find_running(prefix);
    if (!running) return client_failed(running.error());
    if (const int status = console_command(prefix, {warm ? "stop warm" : "stop"}); status != 0) return status;
    if (ended(running.value(), kEndMs)) return 0;
    return client_failed(
        fmt::format("process {} has not ended after {} s", running.value().pid, kEndMs / 1000));
}

int restart_command(const std::string& prefix) {
    auto running = find_running(prefix);
    if (!running) return client_failed(running.error());
    const Running& r = running.value();
    if (const int status = console_command(prefix, {"restart"}); status != 0) return status;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(kStartMs);
    bool left = false;
    while (std::chrono::steady_clock::now() < limit) {
        if (ended(r, 20)) return client_failed("it has ended and did not start again; its log says why");
        pollfd before{r.console.get(), POLLRDHUP, 0};
        left =
            left || (::poll(&before, 1, 0) == 1 && (before.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0);
        if (!left) continue;
        if (const auto fd = connect_unix_stream(console_path(prefix))) {
            ::close(fd.value());
            return 0;
        }
    }
    return client_failed(fmt::format("process {} does not answer after {} s", r.pid, kStartMs / 1000));
}

} // namespace dpdkbond

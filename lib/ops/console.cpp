// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ops/console_attach.hpp"
#include "ops/console_commands.hpp"
#include "ops/console_session.hpp"

namespace dpdkbond {

namespace {

Error system_error(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

// Signals go to the threads that the program means them for.
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

} // namespace

Result<void> Console::listen(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error{path + ": too long for a socket"};
    std::memcpy(address.sun_path, path.c_str(), path.size());
    struct stat there {};
    if (::lstat(path.c_str(), &there) == 0) {
        if (!S_ISSOCK(there.st_mode)) return Error{path + ": there is something that is no socket"};
        if (const auto other = connect_unix_stream(path)) {
            ::close(other.value());
            return Error{path + ": another process serves it"};
        }
        ::unlink(path.c_str());
    }
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool bound = listener_ >= 0 && ::fchmod(listener_, 0600) == 0 &&
                       ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!bound || ::listen(listener_, 8) != 0) {
        const Error why = system_error(path);
        if (bound) ::unlink(path.c_str());
        if (listener_ >= 0) ::close(std::exchange(listener_, -1));
        return why;
    }
    path_ = path;
    try {
        acceptor_ = std::thread([this] { accept_clients(); });
    } catch (const std::system_error& problem) {
        ::close(std::exchange(listener_, -1));
        ::unlink(path.c_str());
        return Error{fmt::format("{}: {}", path, problem.what())};
    }
    return {};
}

Result<void> Console::run_on_stdio() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return system_error("console on stdin");
    if (!start_session(ends[1], true)) {
        ::close(ends[0]);
        return Error{"console on stdin: too many consoles"};
    }
    try {
        stdio_ = std::thread([this, fd = ends[0]] {
            block_signals();
            attach_console(fd, {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}, stop_);
            ::close(fd);
        });
    } catch (const std::system_error& problem) {
        ::close(ends[0]);
        return Error{fmt::format("console on stdin: {}", problem.what())};
    }
    return {};
}

void Console::stop() {
    stop_.set();
    if (acceptor_.joinable()) acceptor_.join();
    if (listener_ >=
        0) { // before sessions end: whoever sees that would come again, to the instance that leaves
        ::close(std::exchange(listener_, -1));
        ::unlink(path_.c_str());
    }
    if (stdio_.joinable()) stdio_.join();
    join_ended(true);
}

void Console::accept_clients() {
    block_signals();
    while (stop_.wait(listener_, POLLIN)) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0)
            start_session(fd, false);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            ::poll(nullptr, 0, 20); // the client stays in the queue; do not spin until there is room
    }
}

void Console::turn_away(int fd) {
    const std::string full = fmt::format("{}too many consoles\n", kRefusal);
    [[maybe_unused]] const ssize_t sent = ::send(fd, full.data(), full.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(fd);
}

bool Console::make_room() {
    const auto staying = [](const Session& s) { return !s.over && !s.told_to_go; };
    if (static_cast<std::size_t>(std::ranges::count_if(sessions_, staying)) < kMaxConsoles) return true;
    const std::int64_t now = to_ns(monotonic_now());
    Session* longest = nullptr;
    std::int64_t waited = forgotten_.count();
    for (Session& session : sessions_) {
        const std::int64_t since = session.waiting.load(std::memory_order_relaxed);
        if (!staying(session) || session.own || since == 0 || now - since < waited) continue;
        longest = &session;
        waited = now - since;
    }
    if (longest == nullptr) return false;
    const std::string why = fmt::format(
        "\r\nclosed: nothing came for {} s, and another console wants the place\r\n", waited / 1'000'000'000);
    [[maybe_unused]] const ssize_t sent =
        ::send(longest->fd, why.data(), why.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(longest->fd, SHUT_RDWR); // its thread ends by itself
    longest->told_to_go = true;
    return true;
}

bool Console::start_session(int fd, bool own) {
    join_ended(false);
    const std::lock_guard lock(sessions_lock_);
    if (!make_room()) {
        turn_away(fd);
        return false;
    }
    Session& session = sessions_.emplace_back();
    session.fd = fd;
    session.own = own;
    try {
        session.thread = std::thread([this, fd, own, &session] {
            block_signals();
            serve_console(instance_, history_, fd, stop_, session.waiting, own);
            const std::lock_guard ended(sessions_lock_);
            ::close(fd);
            session.over = true;
        });
    } catch (const std::system_error&) { // no thread to be had: as if there were too many
        sessions_.pop_back();
        turn_away(fd);
        return false;
    }
    return true;
}

void Console::join_ended(bool all) {
    std::list<Session> ended;
    {
        const std::lock_guard lock(sessions_lock_);
        for (auto it = sessions_.begin(); it != sessions_.end();) {
            const auto next = std::next(it);
            if (all || it->over) ended.splice(ended.end(), sessions_, it);
            it = next;
        }
    }
    for (Session& session : ended) session.thread.join();
}

} // namespace dpdkbond

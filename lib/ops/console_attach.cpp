// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console_attach.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "ops/console_session.hpp"

namespace dpdkbond {

namespace {

// As bytes come, without the terminal's own line editing; output as it was.
class RawTerminal {
public:
    explicit RawTerminal(int fd) : fd_(fd), raw_(::tcgetattr(fd, &before_) == 0) {
        if (!raw_) return;
        termios now = before_;
        now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        now.c_cc[VSUSP] = now.c_cc[VQUIT] = _POSIX_VDISABLE;
        ::tcsetattr(fd_, TCSANOW, &now);
    }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;
    ~RawTerminal() {
        if (raw_) ::tcsetattr(fd_, TCSANOW, &before_);
    }
    [[nodiscard]] bool is_terminal() const { return raw_; }

private:
    int fd_;
    termios before_{};
    bool raw_;
};

constexpr std::size_t kChunk =
    512; // no more than a pipe takes without blocking once poll() says that it takes

class Joint {
public:
    Joint(int fd, int in, int out, const Wake& stop) : fd_(fd), in_(in), out_(out), stop_(stop) {}

    // Drops what came before the mark: the prompt of a session that did not know better.
    void be_plain() {
        if (::send(fd_, &kPlainMark, 1, MSG_NOSIGNAL) == 1) wait_for_mark_ = true;
    }
    void run() {
        while (step()) {
        }
    }

private:
    bool step() {
        pollfd fds[3] = {{stop_.fd(), POLLIN, 0}, {fd_, POLLIN, 0}, {in_open_ ? in_ : -1, POLLIN, 0}};
        if (::poll(fds, 3, -1) < 0) return errno == EINTR;
        if (fds[0].revents != 0) return false;
        if (fds[1].revents != 0 && !from_session()) return false;
        return fds[2].revents == 0 || from_input();
    }
    bool from_session() {
        char bytes[kChunk];
        const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
        if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
        std::string_view text(bytes, static_cast<std::size_t>(got));
        if (wait_for_mark_) {
            const std::size_t mark = text.find(kPlainMark);
            wait_for_mark_ = mark == std::string_view::npos;
            text.remove_prefix(wait_for_mark_ ? text.size() : mark + 1);
        }
        return put(out_, text, false);
    }
    bool from_input() {
        char bytes[kChunk];
        const ssize_t got = ::read(in_, bytes, sizeof bytes);
        if (got > 0) return put(fd_, {bytes, static_cast<std::size_t>(got)}, true);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
        in_open_ = false;
        ::shutdown(fd_, SHUT_WR);
        return true;
    }
    // While the session does not take a command, its answers go on coming out.
    bool put(int to, std::string_view text, bool to_session) {
        while (!text.empty()) {
            if (to_session) {
                const ssize_t sent = ::send(to, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
                if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
                if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
                if (!text.empty() && !wait_session()) return false;
                continue;
            }
            if (!stop_.wait(to, POLLOUT)) return false;
            const ssize_t written = ::write(to, text.data(), text.size());
            if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
            if (written < 0 && errno != EAGAIN && errno != EINTR) return false;
        }
        return true;
    }
    bool wait_session() {
        pollfd fds[2] = {{stop_.fd(), POLLIN, 0}, {fd_, POLLIN | POLLOUT, 0}};
        if (::poll(fds, 2, -1) < 0) return errno == EINTR;
        if (fds[0].revents != 0) return false;
        return (fds[1].revents & POLLIN) == 0 || from_session();
    }

    int fd_, in_, out_;
    const Wake& stop_;
    bool in_open_ = true;
    bool wait_for_mark_ = false;
};

} // namespace

Result<int> connect_unix_stream(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error{path + ": too long for a socket"};
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    const Error why{path + ": " + std::strerror(errno)};
    if (fd >= 0) ::close(fd);
    return why;
}

void attach_console(int fd, int in, int out, const Wake& stop) {
    const RawTerminal terminal(in);
    Joint joint(fd, in, out, stop);
    if (!terminal.is_terminal()) joint.be_plain();
    joint.run();
}

} // namespace dpdkbond

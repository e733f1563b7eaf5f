// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console_attach.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "ops/console_commands.hpp"
#include "ops/console_session.hpp"

namespace dpdkbond {

namespace {

// As bytes come, without the terminal's own line editing; output as it was.
class RawTerminal {
public:
    explicit RawTerminal(int fd) : fd_(fd), raw_(::tcgetattr(fd, &before_) == 0) {
        if (!raw_) return;
        termios now = before_;
        now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
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
    Joint(int fd, const Stdio& io, bool terminal, const Wake& stop, AfterRefusal after)
        : fd_(fd), io_(io), terminal_(terminal), stop_(stop), after_(after) {}

    bool run() {
        while (step()) {
        }
        if (phase_ == Phase::greeting) {
            put(io_.err, held_.empty() ? "error: the console does not answer\n" : held_, false);
            return false;
        }
        if (terminal_) return true;
        put(io_.out, held_, false);
        if (!complete_ && !interrupted_)
            put(io_.err, "error: the console was closed before everything was answered\n", false);
        return complete_ && !refused_;
    }

private:
    enum class Phase : std::uint8_t { greeting, marking, open };

    bool step() {
        const bool reads = in_open_ && phase_ == Phase::open;
        pollfd fds[3] = {{stop_.fd(), POLLIN, 0}, {fd_, POLLIN, 0}, {reads ? io_.in : -1, POLLIN, 0}};
        const int ready = ::poll(fds, 3, patience());
        if (ready < 0) return errno == EINTR;
        if (ready == 0) return nobody();
        if (fds[0].revents != 0) {
            interrupted_ = true;
            return false;
        }
        if (fds[1].revents != 0 && !from_session()) return false;
        return fds[2].revents == 0 || from_input();
    }
    // How long the instance may say nothing, in ms. Whoever types at a terminal sees for himself.
    [[nodiscard]] int patience() const {
        constexpr int kGreeting = 5'000, kAnswer = 60'000; // a reload may have to wait for NICs
        if (terminal_) return -1;
        if (phase_ != Phase::open) return kGreeting;
        return in_open_ ? -1 : kAnswer; // while commands may come, nothing is due
    }
    bool nobody() {
        put(io_.err, "error: the instance does not answer\n", false);
        interrupted_ = true; // and nothing more is to be said
        return false;
    }
    bool from_session() {
        char bytes[kChunk];
        const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
        if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
        interrupts_due_ = false;
        const std::string_view text(bytes, static_cast<std::size_t>(got));
        if (phase_ == Phase::greeting) return greeted(text);
        return terminal_ ? put(io_.out, text, false) : plain(text);
    }
    // A session begins with its prompt; a refusal instead is all that ever comes. Nothing is sent before:
    // bytes that the other end has not read when it closes would take its refusal along.
    bool greeted(std::string_view text) {
        held_ += text;
        const std::size_t known = std::min(held_.size(), kRefusal.size());
        if (held_.compare(0, known, kRefusal, 0, known) == 0) return true;
        phase_ = terminal_ ? Phase::open : Phase::marking;
        const std::string prompt = std::exchange(held_, {});
        if (terminal_) return put(io_.out, prompt, false);
        constexpr char marks[] = {kPlainMark, kStopMark};
        const std::size_t n = after_ == AfterRefusal::stop ? 2 : 1; // one segment: the session reads both
        return ::send(fd_, marks, n, MSG_NOSIGNAL) == static_cast<ssize_t>(n);
    }
    bool plain(std::string_view text) {
        for (const char c : text) {
            if (phase_ == Phase::marking) { // the rest of the prompt
                if (c == kPlainMark) phase_ = Phase::open;
            } else if (c == kAnswered || c == kRefused) {
                refused_ = refused_ || c == kRefused;
                if (!put(c == kRefused ? io_.err : io_.out, std::exchange(held_, {}), false)) return false;
                if (refused_ && after_ == AfterRefusal::stop) {
                    interrupted_ = true; // no matter what else there is to say
                    return false;
                }
            } else if (c == kAllAnswered) {
                complete_ = true;
            } else {
                held_ += c;
            }
        }
        return true;
    }
    bool from_input() {
        constexpr char kCtrlC = 3;
        char bytes[kChunk];
        const ssize_t got = ::read(io_.in, bytes, sizeof bytes);
        if (got > 0) {
            const std::string_view text(bytes, static_cast<std::size_t>(got));
            if (terminal_ && text.find(kCtrlC) != std::string_view::npos &&
                std::exchange(interrupts_due_, true))
                return false;
            return put(fd_, text, true);
        }
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
        const int ready = ::poll(fds, 2, patience());
        if (ready < 0) return errno == EINTR;
        if (ready == 0) return nobody();
        if (fds[0].revents != 0) return false;
        return (fds[1].revents & POLLIN) == 0 || from_session();
    }

    int fd_;
    Stdio io_;
    bool terminal_;
    const Wake& stop_;
    AfterRefusal after_;
    Phase phase_ = Phase::greeting;
    std::string held_; // of a greeting, or of an answer that is not complete
    bool in_open_ = true;
    bool interrupts_due_ = false; // Ctrl-C was typed, and nothing has come since
    bool refused_ = false;        // one of the lines
    bool complete_ = false;       // the session said that all is answered
    bool interrupted_ = false;
};

} // namespace

Result<int> connect_unix_stream(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return Error{path + ": too long for a socket"};
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    const int why = errno;
    if (fd >= 0) ::close(fd);
    errno = why;
    return Error{path + ": " + std::strerror(why)};
}

bool attach_console(int fd, const Stdio& io, const Wake& stop, AfterRefusal after) {
    const RawTerminal terminal(io.in);
    return Joint(fd, io, terminal.is_terminal(), stop, after).run();
}

} // namespace dpdkbond

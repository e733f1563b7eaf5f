// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "ops/wake.hpp"
#include "ops/wall_clock.hpp"

namespace dpdkbond {

// Since when a session has waited for its peer, to say something or to read its answers: nanoseconds of
// CLOCK_MONOTONIC; 0: it does not wait. The session's thread writes it, any may read it.
using WaitingSince = std::atomic<std::int64_t>;

// The socket as the session sees it.
class Peer {
public:
    Peer(int fd, const Wake& stop, WaitingSince& waiting) : fd_(fd), stop_(stop), waiting_(waiting) {
        ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
        sigset_t pipe; // a peer that is gone is an error of write(), not a signal
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    }
    [[nodiscard]] int fd() const { return fd_; }

    // Bytes read; 0: the peer says no more, though it may still read, or the session shall end.
    std::size_t read(char* to, std::size_t room) {
        while (!gone_ && wait(POLLIN)) {
            const ssize_t got = ::read(fd_, to, room);
            if (got >= 0) return static_cast<std::size_t>(got);
            if (errno != EAGAIN && errno != EINTR) break;
        }
        gone_ = true;
        return 0;
    }
    void write(std::string_view text) {
        while (!gone_ && !text.empty()) {
            const ssize_t done = ::write(fd_, text.data(), text.size());
            if (done > 0)
                text.remove_prefix(static_cast<std::size_t>(done));
            else if ((errno != EAGAIN && errno != EINTR) || !wait(POLLOUT))
                gone_ = true;
        }
    }
    [[nodiscard]] bool gone() const { return gone_; }

private:
    bool wait(short events) {
        waiting_.store(to_ns(monotonic_now()), std::memory_order_relaxed);
        const bool ready = stop_.wait(fd_, events);
        waiting_.store(0, std::memory_order_relaxed);
        return ready;
    }

    int fd_;
    const Wake& stop_;
    WaitingSince& waiting_;
    bool gone_ = false;
};

} // namespace dpdkbond

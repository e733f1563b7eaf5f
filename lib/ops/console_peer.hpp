// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "ops/wake.hpp"

namespace dpdkbond {

// The socket as the session sees it.
class Peer {
public:
    Peer(int fd, const Wake& stop) : fd_(fd), stop_(stop) {
        ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
        sigset_t pipe; // a peer that is gone is an error of write(), not a signal
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    }
    [[nodiscard]] int fd() const { return fd_; }

    // Bytes read; 0: the peer says no more, though it may still read, or the session shall end.
    std::size_t read(char* to, std::size_t room) {
        while (!gone_ && stop_.wait(fd_, POLLIN)) {
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
            else if ((errno != EAGAIN && errno != EINTR) || !stop_.wait(fd_, POLLOUT))
                gone_ = true;
        }
    }
    [[nodiscard]] bool gone() const { return gone_; }

private:
    int fd_;
    const Wake& stop_;
    bool gone_ = false;
};

} // namespace dpdkbond

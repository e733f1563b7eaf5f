// SPDX-License-Identifier: BSD-3-Clause
// A flag that poll() sees: set once, seen by every waiter. set() is safe in a signal handler.
#pragma once

#include <cerrno>
#include <cstdint>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace dpdkbond {

class Wake {
public:
    Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    Wake(const Wake&) = delete;
    Wake& operator=(const Wake&) = delete;
    ~Wake() { ::close(fd_); }

    void set() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
    }
    [[nodiscard]] int fd() const { return fd_; }

    // Waits until `fd` has one of `events`, an error or its end; false: the flag is set.
    [[nodiscard]] bool wait(int fd, short events) const {
        pollfd fds[2] = {{fd, events, 0}, {fd_, POLLIN, 0}};
        while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
        }
        return fds[1].revents == 0;
    }

private:
    int fd_;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A worker that refuses a frame may be the last to know: not every kernel tells of every group that is joined
// or address that is added. So a refusal rings once for whoever can ask the kernel, and then no more until
// that one is ready to be rung for again: what is asked for in vain all the time costs no more than that.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace dpdkbond {

class Doubt {
public:
    Doubt() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    ~Doubt() {
        if (fd_ >= 0) close(fd_);
    }
    Doubt(const Doubt&) = delete;
    Doubt& operator=(const Doubt&) = delete;

    void ring() noexcept { // workers
        if (!armed_.load(std::memory_order_relaxed) || !armed_.exchange(false)) return;
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
    }

    // ---- the thread that asks the kernel
    void arm() noexcept { armed_.store(true); }
    [[nodiscard]] int fd() const { return fd_; } // readable: it rang; hear() takes note
    void hear() noexcept {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof count);
    }

private:
    std::atomic<bool> armed_{true};
    int fd_;
};

} // namespace dpdkbond

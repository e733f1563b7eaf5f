// SPDX-License-Identifier: BSD-3-Clause
// The tests of this executable run in a network namespace of their own, made by main() in netns_main.cpp; it
// goes with the process. Further namespaces for the far ends of veth pairs are held by a descriptor and leave
// no name behind.
#pragma once

#include <chrono>
#include <fcntl.h>
#include <functional>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

#include "base/fd.hpp"

namespace dpdkbond::testing {

// Runs `ip ARGUMENTS`; throws if it fails, so that no test goes on without its devices.
void ip(const std::string& arguments);

// A tap that lives as long as the descriptor.
Fd open_tap(const std::string& name);

class PeerNetns {
public:
    PeerNetns() {
        std::thread([this] {
            if (::unshare(CLONE_NEWNET) == 0)
                fd_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        }).join();
        if (!fd_) throw std::runtime_error("no second network namespace");
    }
    // What `ip link … netns` takes.
    [[nodiscard]] std::string path() const {
        return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
    }
    // Runs `what` on a thread inside the namespace; sockets made there stay in it.
    void run(const std::function<void()>& what) const {
        std::exception_ptr failure;
        std::thread([&] {
            try {
                if (::setns(fd_.get(), CLONE_NEWNET) != 0) throw std::runtime_error("setns");
                what();
            } catch (...) {
                failure = std::current_exception();
            }
        }).join();
        if (failure) std::rethrow_exception(failure);
    }

private:
    Fd fd_;
};

// Deletes a netdev at the end of a test, whatever happened.
struct ScopedLink {
    explicit ScopedLink(std::string device) : name(std::move(device)) {}
    ScopedLink(const ScopedLink&) = delete;
    ScopedLink& operator=(const ScopedLink&) = delete;
    ~ScopedLink();
    std::string name;
};

// Waits until fd is readable or the deadline has come; true if readable.
inline bool readable(int fd, std::chrono::milliseconds limit) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, static_cast<int>(limit.count())) > 0;
}

// Polls a condition until it holds; false after five seconds.
inline bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        ::poll(nullptr, 0, 1);
    }
    return true;
}

} // namespace dpdkbond::testing

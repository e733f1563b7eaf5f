// SPDX-License-Identifier: BSD-3-Clause
// What a thread of the application sleeps on until a receive queue of the port has something for it: one
// descriptor, an epoll instance that holds the receive interrupts and sockets of the members' queues that
// this queue reads, and a bell of control's.
#pragma once

#include <rte_epoll.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/fd.hpp"

namespace dpdkbond {

// How a queue of a member tells that something has come.
struct RxSource {
    enum class Kind {
        interrupt, // of its driver
        sockets,   // these descriptors can be read while something lies there
        none       // not at all: control looks
    };
    Kind kind = Kind::none;
    std::vector<int> sockets; // owner: the driver
    // The sockets are this queue's alone: one that can be read means frames for it.
    bool exact = false;
};

class RxWake {
public:
    RxWake(); // throws std::runtime_error when no descriptor is left
    ~RxWake();
    RxWake(const RxWake&) = delete;
    RxWake& operator=(const RxWake&) = delete;

    // Can be read when there is something for the queue. It stays so until arm() or disarm(), so whoever
    // waits for edges (rte_epoll_wait()) is woken once for each.
    [[nodiscard]] int fd() const { return epoll_.get(); }
    // Any thread: who sleeps on it looks at the queue.
    void ring() noexcept;

    // ---- the thread that uses the queue, not within a burst
    // It is about to sleep: members' interrupts are on, and what has come since its last burst rings.
    // `waiting` says whether frames lie in the queue itself; it is asked after the bell has been put back.
    template <class F> void arm(F waiting) {
        if (prepare() || waiting()) ring();
    }
    void disarm(); // it is awake

    // ---- whoever starts and stops members, one at a time
    void add(std::uint16_t port, std::uint16_t queue, const RxSource& source);
    void remove(std::uint16_t port); // before the port stops

    // The queue's user sleeps, and some member cannot wake him. Any thread.
    [[nodiscard]] bool needs_looks() const {
        return armed_.load(std::memory_order_relaxed) && silent_.load(std::memory_order_relaxed) != 0;
    }

private:
    struct Watched {
        std::uint16_t port, queue;
        RxSource::Kind kind;
        int fd = -1; // of a socket
        bool exact = false;
        rte_epoll_event event{}; // while it is in epoll_, of a socket
    };
    bool prepare();
    bool take_events(); // mutex_ is held. True: one of them means that frames have come
    void put_interrupts(bool on);

    const Fd epoll_, bell_;
    rte_epoll_event bell_event_{};
    std::mutex mutex_;
    std::vector<std::unique_ptr<Watched>> watched_;
    std::atomic<unsigned> silent_{0}; // queues that tell nothing
    std::atomic<bool> armed_{false};
};

} // namespace dpdkbond

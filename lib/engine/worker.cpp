// SPDX-License-Identifier: BSD-3-Clause
#include "engine/worker.hpp"

#include <rte_cycles.h>
#include <rte_interrupts.h>
#include <rte_pause.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>
#include <utility>

#include "datapath/holding.hpp"
#include "datapath/rx_engine.hpp"
#include "datapath/tx_engine.hpp"
#include "dpdk/clock.hpp"
#include "engine/control.hpp"

namespace dpdkbond {

namespace {

// How long a worker looks at empty queues before it sleeps, and how often the clock looks at queues that
// cannot wake.
constexpr Duration kSpin = std::chrono::microseconds(50);
constexpr long kClockTickNs = 100'000;
constexpr int kLongestSleepMs = 100;
constexpr unsigned kUnheardLimit = 3;

constexpr std::uint64_t kEventKey = ~std::uint64_t{0};
constexpr std::uint64_t kInterruptKey = kEventKey - 1; // other keys are descriptor numbers

void watch(int epoll, int fd, std::uint64_t key) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = key;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

} // namespace

Worker::Worker(unsigned index, Rcu& rcu, Idle idle, Control& control)
    : index_(index), rcu_(rcu), control_(control), idle_(idle), epoll_(epoll_create1(EPOLL_CLOEXEC)),
      interrupts_(epoll_create1(EPOLL_CLOEXEC)), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (epoll_ < 0 || interrupts_ < 0 || event_ < 0)
        throw std::runtime_error("a worker got no epoll or eventfd descriptor");
    watch(epoll_, event_, kEventKey);
    watch(epoll_, interrupts_, kInterruptKey);
}

Worker::~Worker() {
    close(event_);
    close(interrupts_);
    close(epoll_);
}

void Worker::set_lane(std::size_t bond, Lane* lane) {
    lanes_[bond].store(lane, std::memory_order_release);
    if (bond >= lane_count_.load()) lane_count_.store(bond + 1, std::memory_order_release);
    wake();
}

void Worker::add_queue(std::uint16_t port, std::uint16_t queue, Wake how, const std::vector<int>& sockets) {
    const std::lock_guard lock(sources_mutex_);
    if (how == Wake::interrupt) {
        if (rte_eth_dev_rx_intr_ctl_q(port, queue, interrupts_, RTE_INTR_EVENT_ADD, nullptr) != 0)
            how = Wake::clock;
    } else if (how == Wake::sockets) {
        for (const int fd : sockets) watch(epoll_, fd, static_cast<std::uint64_t>(fd));
        if (sockets.empty()) how = Wake::clock;
    }
    if (how == Wake::clock) clocked_.fetch_add(1);
    sources_.push_back({port, queue, how, sockets});
    wake();
}

void Worker::remove_port(std::uint16_t port) {
    const std::lock_guard lock(sources_mutex_);
    std::erase_if(sources_, [&](const Source& s) {
        if (s.port != port) return false;
        if (s.wake == Wake::interrupt)
            rte_eth_dev_rx_intr_ctl_q(port, s.queue, interrupts_, RTE_INTR_EVENT_DEL, nullptr);
        if (s.wake == Wake::sockets)
            for (const int fd : s.sockets) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
        if (s.wake == Wake::clock) clocked_.fetch_sub(1);
        return true;
    });
}

void Worker::wake() {
    std::atomic_thread_fence(std::memory_order_seq_cst); // what is to be seen was written before
    if (!sleeping_.load(std::memory_order_seq_cst)) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof one);
}

void Worker::stop() {
    stop_.store(true);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof one);
}

int Worker::entry(void* self) {
    static_cast<Worker*>(self)->run();
    return 0;
}

unsigned Worker::round() {
    unsigned seen = 0;
    const std::size_t count = lane_count_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < count; ++i) {
        Lane* lane = lanes_[i].load(std::memory_order_acquire);
        if (lane == nullptr) continue;
        lane->clock = clock_;
        const Snapshot& snapshot = newest(*lane);
        seen += receive(*lane, snapshot);
        if (lane->bell) [[unlikely]] {
            lane->bell = false;
            control_.ring_bell();
        }
        seen += inject(*lane, snapshot); // before the data, which may fill the queues
        seen += lane->held.count;        // which is no time to sleep
        if (lane->held.count == 0 || release_held(*lane, snapshot)) [[likely]]
            seen += transmit(*lane, snapshot);
        if (lane->gap.waiting) [[unlikely]]
            lane->gap.look(*lane);
    }
    rcu_.quiescent(index_);
    return seen;
}

void Worker::run() {
    prctl(PR_SET_TIMERSLACK, 1000UL); // ns: the clock's tick is meant
    rcu_.online(index_);
    Time last_seen = now();
    unsigned empty_rounds = 0;
    clock_ = rte_rdtsc();
    while (!stop_.load(std::memory_order_relaxed)) {
        const unsigned seen = round();
        const std::uint64_t round_began = std::exchange(clock_, rte_rdtsc());
        if (seen != 0) {
            busy_cycles_.store(busy_cycles() + (clock_ - round_began), std::memory_order_relaxed);
            empty_rounds = 0;
            continue;
        }
        if (idle_ == Idle::busy) {
            rte_pause();
            continue;
        }
        if (empty_rounds++ == 0) last_seen = now();
        rte_pause();
        if ((empty_rounds & 7U) == 0 && now() - last_seen > kSpin) {
            sleep();
            empty_rounds = 0;
            clock_ = rte_rdtsc(); // sleep is not work
        }
    }
    rcu_.offline(index_);
}

void Worker::arm(bool on) {
    const std::lock_guard lock(sources_mutex_);
    for (const Source& s : sources_) {
        if (s.wake != Wake::interrupt) continue;
        if (on)
            rte_eth_dev_rx_intr_enable(s.port, s.queue);
        else
            rte_eth_dev_rx_intr_disable(s.port, s.queue);
    }
}

void Worker::sleep() {
    sleeping_.store(true, std::memory_order_seq_cst);
    std::atomic_thread_fence(
        std::memory_order_seq_cst); // the looks that follow come after it: wake() has its like
    arm(true);
    // What came between the last look and the arming rings no bell: look once more.
    bool bell = true;
    if (round() == 0 && !stop_.load()) {
        rcu_.offline(index_);
        if (clocked_.load() != 0) {
            const timespec tick{0, kClockTickNs};
            clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, nullptr);
            wait(0);
        } else {
            bell = wait(kLongestSleepMs);
        }
        rcu_.online(index_);
        clock_ = rte_rdtsc();
    }
    sleeping_.store(false, std::memory_order_seq_cst);
    arm(false);
    // Some drivers raise an interrupt and then no more (seen: e1000e with MSI-X). Frames that lie there after
    // a sleep that nothing ended, time after time, mean that: from then on the clock looks after such queues.
    unheard_ = !bell && round() != 0 ? unheard_ + 1 : 0;
    if (unheard_ >= kUnheardLimit) trust_the_clock();
}

void Worker::trust_the_clock() {
    unheard_ = 0;
    const std::lock_guard lock(sources_mutex_);
    for (Source& s : sources_) {
        if (s.wake != Wake::interrupt) continue;
        rte_eth_dev_rx_intr_ctl_q(s.port, s.queue, interrupts_, RTE_INTR_EVENT_DEL, nullptr);
        s.wake = Wake::clock;
        clocked_.fetch_add(1);
    }
}

// A socket whose link went down reports an error, which reading clears. Once its port has been removed the
// number may be another descriptor's.
void Worker::clear_error(int socket) {
    const std::lock_guard lock(sources_mutex_);
    for (const Source& s : sources_) {
        if (std::ranges::find(s.sockets, socket) == s.sockets.end()) continue;
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
        return;
    }
}

bool Worker::wait(int timeout_ms) {
    epoll_event events[16];
    const int n = epoll_wait(epoll_, events, 16, timeout_ms);
    for (int i = 0; i < n; ++i) {
        if (events[i].data.u64 == kEventKey) {
            std::uint64_t count = 0;
            [[maybe_unused]] const ssize_t got = read(event_, &count, sizeof count);
        } else if (events[i].data.u64 == kInterruptKey) {
            rte_epoll_event interrupts[16]; // reads the descriptors' counters as each driver wants it
            rte_epoll_wait(interrupts_, interrupts, 16, 0);
        } else if ((events[i].events & EPOLLERR) != 0) {
            clear_error(static_cast<int>(events[i].data.u64));
        }
    }
    return n > 0;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A worker lcore: round its lanes, burst by burst. When nothing arrives for a while and `idle: adaptive` is
// set it sleeps on what its queues wait for: receive interrupts where the PMD has them, the PMD's own socket
// where it is one of the kernel's; only queues that have neither are looked at by the clock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "datapath/lane.hpp"
#include "dpdk/rcu.hpp"
#include "options/model.hpp"

namespace dpdkbond {

class Control;

class Worker {
public:
    // `control` hears of frames that its lanes give to it.
    Worker(unsigned index, Rcu& rcu, Idle idle, Control& control);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // ---- ordinary threads
    // The lane of a bond, by the bond's number; nullptr takes it away (it may be freed after a grace period).
    void set_lane(std::size_t bond, Lane* lane);
    // A queue that this worker reads. How it wakes: by interrupt, by these sockets, or (neither) by the
    // clock.
    enum class Wake { interrupt, sockets, clock };
    void add_queue(std::uint16_t port, std::uint16_t queue, Wake wake, const std::vector<int>& sockets);
    void remove_port(std::uint16_t port); // before the port stops
    void wake();                          // any thread, control too: there is something in an inject ring
    void stop();                          // ends run()

    // Time that it has spent in rounds that found frames, in cycles of rte_rdtsc(). Any thread.
    [[nodiscard]] std::uint64_t busy_cycles() const { return busy_cycles_.load(std::memory_order_relaxed); }

    static int entry(void* self); // for rte_eal_remote_launch()

    // ---- the thread of entry(), which calls it again and again; it is online in the Rcu
    // Serves each lane once, and passes a quiet point. Returns how many frames it saw.
    unsigned round();

private:
    struct Source {
        std::uint16_t port, queue;
        Wake wake;
        std::vector<int> sockets;
    };

    void run();
    void sleep();
    void arm(bool on);         // interrupts on or off for the queues that have them
    bool wait(int timeout_ms); // false: nothing rang
    void clear_error(int socket);
    void trust_the_clock();

    const unsigned index_;
    Rcu& rcu_;
    Control& control_;
    const Idle idle_;
    std::array<std::atomic<Lane*>, kMaxBonds> lanes_{};
    std::atomic<std::size_t> lane_count_{0};
    std::atomic<bool> stop_{false};
    std::atomic<bool> sleeping_{false};
    std::atomic<std::uint64_t> busy_cycles_{0}; // written by this worker alone
    std::atomic<unsigned> clocked_{0};          // queues that only the clock wakes
    std::uint64_t clock_ = 0; // when the last round ended and this one began, in cycles; owner: this worker
    unsigned unheard_ = 0;    // sleeps in a row that frames did not end though they came; owner: this worker
    int epoll_ = -1;          // all that may wake this worker
    int interrupts_ = -1;     // inside it: receive interrupts, kept by DPDK
    int event_ = -1;
    std::mutex sources_mutex_;
    std::vector<Source> sources_; // guarded by sources_mutex_
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A bond as one worker serves it: the worker's own queues, staging and counters. One lane for each worker and
// bond; owner: that worker. Nothing here is shared but the counters (read by others) and the queues below a
// lock.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_spinlock.h>

#include <atomic>

#include "base/offloads.hpp"
#include "bond/flowlets.hpp"
#include "bond/path_shares.hpp"
#include "bond/snapshot.hpp"
#include "datapath/counters.hpp"
#include "datapath/doubt.hpp"
#include "datapath/flow_samples.hpp"
#include "datapath/gap_watch.hpp"
#include "datapath/stage.hpp"
#include "dpdk/ring.hpp"

namespace dpdkbond {

inline constexpr std::uint16_t kBurst = 32;
inline constexpr int kTxRetries = 4; // after a queue took only a part

// Locks for transmit queues that several workers share because the PMD has fewer queues than there are
// workers.
struct alignas(64) QueueLock {
    rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
};
QueueLock& queue_lock(std::uint16_t port, std::uint16_t queue);

// What a policy may keep between bursts. Owner: the lane's worker.
struct PolicyState {
    std::uint32_t position = 0;   // balance-rr: index into Snapshot::tx
    std::uint32_t sent_there = 0; // balance-rr: frames of the present turn
    std::uint64_t random = 0x9e3779b97f4a7c15ULL;

    std::uint32_t next_random() noexcept { // xorshift64*
        random ^= random >> 12U;
        random ^= random << 25U;
        random ^= random >> 27U;
        return static_cast<std::uint32_t>((random * 0x2545f4914f6cdd1dULL) >> 32U);
    }
};

// Frames of flows that are on the move, in order. Owner: the lane's worker.
struct HeldFrames {
    static constexpr std::uint16_t kRoom = 1024; // a millisecond of a million frames a second
    std::uint16_t first = 0;                     // index; not 0 only while they leave
    std::uint16_t count = 0;
    std::uint32_t hold = 0;    // Snapshot::hold that they wait for
    std::uint32_t spilled = 0; // Snapshot::hold that there was no room for
    std::array<rte_mbuf*, kRoom + kMaxBurst> frames;
};

// balance-spray. Owner: the lane's worker, but for the counters, which others read.
struct SprayLane {
    std::array<PathShares, kMaxSprayPeers> given{}; // by peer
    std::array<Counter, kMaxSprayPaths> frames;     // by SprayTarget::counter
    Flowlets flowlets;
};

// Frames that members' queues did not take and that go back to whoever gave them, in a lane of an ethdev
// (Lane::unsent); in any order. Room for one burst.
struct UnsentFrames {
    std::uint16_t count = 0;
    std::array<rte_mbuf*, kMaxBurst> frames;
};

class Merger;

struct LogicalQueue {
    std::uint16_t port = 0;
    std::uint16_t tx_queue = 0;
    bool shared = false; // tx_queue is used by several workers
    Offloads offloads = Offloads::none;
    std::uint16_t rx_queues = 0;
    std::uint16_t first_worker =
        0; // reads receive queue 0; the workers after it read the next queues, in turn
};

// Devices with one queue are spread over the workers: queue 0 of each belongs to a worker of its own choice.
// Worker `w` of `workers` reads this queue and each that is a multiple of `workers` further on.
constexpr std::uint16_t first_queue(unsigned w, unsigned workers, unsigned first_worker) noexcept {
    return static_cast<std::uint16_t>(w >= first_worker ? w - first_worker : w + workers - first_worker);
}

class alignas(64) Lane {
public:
    Lane(unsigned this_worker, unsigned all_workers, const std::atomic<const Snapshot*>& slot,
         LogicalQueue queue)
        : worker(static_cast<std::uint16_t>(this_worker)), workers(static_cast<std::uint16_t>(all_workers)),
          snapshot(&slot), logical(queue) {}

    ~Lane(); // frees what it holds
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    const std::uint16_t worker, workers;
    const std::atomic<const Snapshot*>* const snapshot;
    const LogicalQueue logical;
    Ring<rte_mbuf*>* inject =
        nullptr; // frames of control's for this worker to send; mbuf->port is the MemberId
    Ring<rte_mbuf*>* punted = nullptr; // received frames for control; mbuf->port is the MemberId
    Merger* merger = nullptr;       // of received frames; nullptr: they go up as they came. Not this lane's
    UnsentFrames* unsent = nullptr; // takes what members' queues refuse; nullptr: it is freed and counted
    bool bell = false;              // there is something new in it; owner: the worker
    std::uint64_t clock = 0;        // when this round began, in cycles of rte_rdtsc(); 0: nobody says
    Doubt* doubt = nullptr;         // rung for frames that sort_out() refuses; nullptr: none
    PolicyState policy;
    HeldFrames held;
    GapWatch gap;
    LaneCounters counters;
    LoadCounters load; // modes that balance by load
    SprayLane spray;
    Stage stage;
    FlowCounters flows;
    // By is_counted(); owner: the worker.
    std::uint32_t bursts_seen = 0, counted_of_four = 0;
    FlowSamples samples;
};

// Frees n frames and counts them.
void drop(Counter& counter, rte_mbuf** frames, std::uint16_t n) noexcept;

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What one lane sees of a failover (bond/failover.hpp). Each burst that a member carries leaves the time of
// its round at the member's counters; when the lane takes over a snapshot with a new failover in it, it notes
// when the lost members last carried something, and looks after each round for the first burst of their
// successors. Times are cycles of rte_rdtsc(); 0: never.
#pragma once

#include <atomic>
#include <cstdint>

#include "bond/snapshot.hpp"

namespace dpdkbond {

class Lane;

// Owner: the lane's worker. Others read the atomics: `number` first.
struct GapWatch {
    bool waiting = false;       // for a first frame
    std::uint32_t taken = 0;    // number of the failover that the lane knows of
    MemberSet to;               // the successors
    std::uint64_t began = 0;    // when it took that snapshot over
    std::uint64_t given_up = 0; // … when it stops waiting
    std::atomic<std::uint32_t> number{0};
    std::atomic<std::uint64_t> last_rx{0}, last_tx{0}, first_rx{0}, first_tx{0};

    void begin(const Lane& lane,
               const Snapshot& s) noexcept; // the snapshot has a failover that it does not know
    void look(const Lane& lane) noexcept;   // after a round, while it is waiting
};

} // namespace dpdkbond

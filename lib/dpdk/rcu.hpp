// SPDX-License-Identifier: BSD-3-Clause
// Quiescent-state RCU of librte_rcu: workers say when they hold nothing, control asks and never waits.
#pragma once

#include <cstdint>
#include <memory>

#include "base/time.hpp"

struct rte_rcu_qsbr;

namespace dpdkbond {

class Rcu {
public:
    explicit Rcu(unsigned max_threads);
    ~Rcu();
    Rcu(const Rcu&) = delete;
    Rcu& operator=(const Rcu&) = delete;

    // Worker threads, each with its own number below max_threads.
    void online(unsigned thread);    // before the first read; after sleeping
    void offline(unsigned thread);   // holds nothing and will read nothing until online()
    void quiescent(unsigned thread); // between bursts: holds nothing

    // Any thread.
    std::uint64_t start();            // begins a grace period after something was unpublished
    bool passed(std::uint64_t token); // every online worker has been quiet since; never waits
    // Ordinary threads: waits for a grace period that begins now, so long at most. False: a worker does not
    // come round, and what it may hold must stay.
    bool wait(Duration patience);

private:
    rte_rcu_qsbr* qsbr_;
};

} // namespace dpdkbond

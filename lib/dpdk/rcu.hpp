// SPDX-License-Identifier: BSD-3-Clause
// When nobody can hold what was unpublished any more: control asks and never waits. Rcu: quiescent-state RCU
// of librte_rcu, for workers that say when they hold nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "base/time.hpp"

struct rte_rcu_qsbr;

namespace dpdkbond {

class GracePeriods {
public:
    virtual ~GracePeriods() = default;
    // Any thread.
    virtual std::uint64_t start() = 0;            // begins a grace period after something was unpublished
    virtual bool passed(std::uint64_t token) = 0; // every reader has been quiet since; never waits
};

class Rcu final : public GracePeriods {
public:
    explicit Rcu(unsigned max_threads);
    ~Rcu() override;
    Rcu(const Rcu&) = delete;
    Rcu& operator=(const Rcu&) = delete;

    // Worker threads, each with its own number below max_threads.
    void online(unsigned thread);    // before the first read; after sleeping
    void offline(unsigned thread);   // holds nothing and will read nothing until online()
    void quiescent(unsigned thread); // between bursts: holds nothing

    std::uint64_t start() override;
    bool passed(std::uint64_t token) override;
    // Ordinary threads: waits for a grace period that begins now, so long at most. False: a worker does not
    // come round, and what it may hold must stay.
    bool wait(Duration patience);

private:
    rte_rcu_qsbr* qsbr_;
};

} // namespace dpdkbond

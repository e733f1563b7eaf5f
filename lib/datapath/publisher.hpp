// SPDX-License-Identifier: BSD-3-Clause
// Puts a bond's newest snapshot where workers read it and takes old ones back once no worker can hold them.
// A fixed stock of snapshots: nothing is allocated while running. Owner: the control lcore; readers load
// slot().
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "bond/snapshot.hpp"
#include "dpdk/rcu.hpp"

namespace dpdkbond {

class Publisher {
public:
    explicit Publisher(GracePeriods& grace);

    [[nodiscard]] const std::atomic<const Snapshot*>& slot() const { return slot_; }

    // A snapshot to fill, or nullptr while all are still in some worker's hands: ask again after retire().
    Snapshot* draft();
    void publish(Snapshot* filled); // one that draft() gave
    void retire();                  // polls; never waits
    // No worker can hold anything older than the newest snapshot.
    [[nodiscard]] bool settled() const { return retiring_ == 0; }

private:
    static constexpr std::size_t kStock = 8;
    enum class State : std::uint8_t { free, published, retiring };
    struct Item {
        Snapshot snapshot;
        State state = State::free;
        std::uint64_t token = 0;
    };

    GracePeriods& grace_;
    std::unique_ptr<std::array<Item, kStock>> items_;
    std::atomic<const Snapshot*> slot_;
    Item* current_ = nullptr;
    std::uint64_t generation_ = 0;
    unsigned retiring_ = 0;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Flows that change their member without being reordered (802.1AX-2014 6.5). A member that is lost gives up
// its flows at once, as nothing of it will arrive. A member that still works gives them up in steps:
//   1. frames of the buckets that move are held by the workers, in order;
//   2. once every worker does so, the mode asks the far end of the old members whether all has arrived;
//   3. when it has, or kLimit after the beginning, the workers use the new map, and the held frames leave
//      first.
// Owner: the control lcore, through its Bond.
#pragma once

#include <bitset>

#include "base/time.hpp"
#include "bond/buckets.hpp"
#include "bond/snapshot.hpp"

namespace dpdkbond {

// What a mode has to offer for it.
struct FlowMeans {
    MemberSet can_ask;        // members whose far end can be asked
    TxBurstFn hold = nullptr; // the data half that holds Snapshot::held; nullptr: the mode has none
};

class FlowMove {
public:
    // The longest that a frame is held for the sake of its order: some round trips of any LAN, and a hiccup
    // that connections bear without retransmitting.
    static constexpr Duration kLimit = std::chrono::milliseconds(50);

    // The map that is to come, and the data half that uses it.
    void plan(const BucketMap& map, TxBurstFn data_half, const FlowMeans& means, Time now);
    // To be called when every worker uses the newest snapshot. Returns the members to ask; empty: none now.
    MemberSet workers_follow();
    void finish(); // the map is the one that plan() was last told

    [[nodiscard]] bool under_way() const { return phase_ != Phase::rest; }
    [[nodiscard]] bool asking() const { return phase_ == Phase::asking; }
    [[nodiscard]] bool awaits_workers() const { return phase_ == Phase::spreading; }
    [[nodiscard]] Time deadline() const { return under_way() ? began_ + kLimit : kNever; }
    [[nodiscard]] Time began() const { return began_; }             // the last move
    [[nodiscard]] std::uint32_t buckets() const { return moving_; } // of the last move
    void fill(Snapshot& out) const;                                 // the map, and what is held

private:
    enum class Phase : std::uint8_t { rest, spreading, asking };
    using Held = std::bitset<kMaxBuckets>;

    BucketMap from_; // by which the last frames left
    BucketMap to_;   // by which the next ones will
    TxBurstFn from_half_ = nullptr, to_half_ = nullptr;
    TxBurstFn hold_ = nullptr;
    Held held_;
    MemberSet asked_;
    std::uint32_t moving_ = 0;
    std::uint32_t id_ = 0; // of the last move, never 0
    Time began_{};
    Phase phase_ = Phase::rest;
};

} // namespace dpdkbond

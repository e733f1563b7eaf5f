// SPDX-License-Identifier: BSD-3-Clause
// Frames on their way to members' queues, in order. A data half puts them here; they leave at the end of
// their burst or, while the worker takes one burst after the other (transmit()), with those of the bursts to
// come: calling a member's queue costs as much as several frames, the more so where it rings a NIC's
// doorbell. Owner: the lane's worker.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "bond/snapshot.hpp"

struct rte_mbuf;

namespace dpdkbond {

inline constexpr std::uint16_t kMaxBurst = 64; // the most that a data half is given at once

// What a mode does to n frames that are about to leave by member `id`. noexcept by contract.
using BeforeSending = void (*)(const Snapshot& s, std::uint8_t id, rte_mbuf** frames, std::uint16_t n);

struct Stage {
    // When this many wait they leave: a share for each member that is worth the call, and in all no more than
    // stay in the nearest cache.
    static constexpr unsigned kShare = 20, kFull = 160;
    static constexpr unsigned kRoom = kFull + kMaxBurst; // for each member
    static_assert(kRoom <= 0xff);

    Stage() {
        for (unsigned id = 0; id < kMaxMembers; ++id) of[id] = &frames[id * std::size_t{kRoom}];
    }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    bool more_to_come = false; // the worker looks again before it does anything else: what is staged may wait
    std::uint16_t total = 0;
    const Snapshot* under = nullptr; // by which they were placed; alive until they have left
    BeforeSending before_sending = nullptr;
    // How many each member has. While all ids are below 8 they are bytes of one word, which fits a register:
    // counts in memory make each frame wait for the one before.
    std::uint64_t few = 0;
    std::array<std::uint8_t, kMaxMembers> many{};

    std::array<rte_mbuf**, kMaxMembers> of; // by MemberId
    std::array<rte_mbuf*, kMaxMembers * std::size_t{kRoom}> frames;
};

// Count into a stage; the burst's end is done().
class FewCounts {
public:
    static constexpr MemberSet members = MemberSet::of_bits(0xff);

    explicit FewCounts(Stage& stage) noexcept : stage_(stage), counts_(stage.few) {}
    unsigned add(std::uint8_t id, unsigned n) noexcept { // the count before
        const unsigned shift = id * 8U, count = counts_ >> shift & 0xffU;
        counts_ += std::uint64_t{n} << shift;
        return count;
    }
    void done() noexcept { stage_.few = counts_; }

private:
    Stage& stage_;
    std::uint64_t counts_;
};

class ManyCounts {
public:
    explicit ManyCounts(Stage& stage) noexcept : counts_(stage.many) {}
    unsigned add(std::uint8_t id, unsigned n) noexcept {
        return std::exchange(counts_[id], static_cast<std::uint8_t>(counts_[id] + n));
    }
    void done() noexcept {}

private:
    std::array<std::uint8_t, kMaxMembers>& counts_;
};

} // namespace dpdkbond

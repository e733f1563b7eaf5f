// SPDX-License-Identifier: BSD-3-Clause
// A lane's counters: written by its worker with plain relaxed stores, summed over lanes by readers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/strong_id.hpp"
#include "bond/buckets.hpp"
#include "bond/drop_reasons.hpp"
#include "bond/load.hpp"

namespace dpdkbond {

class Counter { // one writer
public:
    void add(std::uint64_t n) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

class Stamp { // a time in cycles of rte_rdtsc(); 0: never. One writer
public:
    void set(std::uint64_t at) noexcept { value_.store(at, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

struct alignas(64) MemberLaneCounters {
    Counter rx;
    Counter tx;
    Stamp rx_at; // the round that last handed a frame of this member up
    Stamp tx_at; // … that last gave it a frame
    std::array<Counter, kDropReasons> drops;
    Counter cut; // of tx, super-frames that the lane has cut for it
};

struct alignas(64) LaneCounters {
    Counter up;                              // received frames handed to the logical interface
    Counter merged;                          // … of them, inside of the frame before
    Counter reordered;                       // … of them, after a wait for an earlier segment
    Counter down;                            // frames taken from the logical interface
    Counter injected;                        // control's own frames put on the wire
    Counter answered;                        // frames of the logical interface answered on the spot
    Counter punted;                          // received frames given to control
    Counter held;                            // frames that waited while their flow moved
    Counter held_overflow;                   // … for which there was no room: sent at once instead
    Counter copied;                          // … of which it got a copy, the frame went its way
    Counter copies_lost;                     // … should have got one
    std::array<Counter, kDropReasons> drops; // those of no member
    std::array<MemberLaneCounters, kMaxMembers> member;
};

// Frames of a member's tap (member_taps). Writer: control.
struct TapCounters {
    Counter to_host;   // written into it
    Counter from_host; // read from it, and meant for the member's wire
    Counter refused;   // it took none: it is set down, or gone
    Counter foreign;   // read from it, to an address that it does not carry, or of a slow protocol
    Counter oversize;  // … longer than the bond's MTU allows
};

// Bytes given to members, by bucket and kUnspread.
struct alignas(64) LoadCounters {
    std::array<Counter, kLoadBuckets + 1> bytes;
};

// Bytes by bucket of the bond's map, and behind it those of no bucket; while somebody asks
// (Snapshot::counted).
struct alignas(64) FlowCounters {
    std::array<Counter, kMaxBuckets + 1> bytes;
};

} // namespace dpdkbond

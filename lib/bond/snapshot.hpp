// SPDX-License-Identifier: BSD-3-Clause
// All that a worker knows of a bond, compiled by control and never changed once published. A worker loads one
// pointer a burst; the old one is retired after every worker has passed a quiet point.
#pragma once

#include <array>
#include <cstdint>

#include "base/member_set.hpp"
#include "base/offloads.hpp"
#include "bond/buckets.hpp"
#include "bond/failover.hpp"
#include "bond/rx_filter.hpp"
#include "bond/spray_table.hpp"
#include "flow/fast_mod.hpp"

struct rte_mbuf;

namespace dpdkbond {

class Lane;
struct Snapshot;

// The data half of a mode. Takes ownership of all `n` mbufs (n > 0): each is handed to a member's queue, or
// freed and counted. The array stays as it was: whoever gave it may still ask which frames were in it. Worker
// threads only; noexcept by contract.
using TxBurstFn = void (*)(Lane& lane, const Snapshot& snapshot, rte_mbuf** frames, std::uint16_t n);

// Takes out of a received burst what is control's and returns how many frames stay, in front and in order.
// What it takes it hands on, or frees and counts. Worker threads only; noexcept by contract.
using PuntFn = std::uint16_t (*)(Lane& lane, const Snapshot& snapshot, std::uint8_t member, rte_mbuf** frames,
                                 std::uint16_t n);

struct SnapshotMember {
    std::uint16_t port = 0;
    std::uint8_t rx_queues = 1;
    std::uint8_t tx_queues = 1;
    std::uint8_t first_worker =
        0; // reads receive queue 0; the workers after it read the next queues, in turn
    bool kernel_socket =
        false; // frames come from a socket of the kernel's: checksums and lengths need a look
    Offloads offloads = Offloads::none;
    bool sorts_itself = false; // its hardware receives only what the logical interface asks for
};

// A member as its queues are polled: what a look at them needs, side by side.
struct RxMember {
    std::uint16_t port;
    std::uint8_t id, queues, first_worker; // as SnapshotMember's
    friend bool operator==(const RxMember&, const RxMember&) = default;
};

struct alignas(64) Snapshot {
    // Sending.
    TxBurstFn tx_burst = nullptr;
    std::uint8_t tx_count = 0; // members that may send
    MemberId active =
        kNoMember; // the active member; in balancing modes the one for frames of a single member
    std::uint16_t packets_per_member = 1; // balance-rr; 0: random
    FastMod bucket_mod{1};
    FastMod turn_mod{1}; // by tx_count
    MemberSet senders;
    std::array<std::uint8_t, kMaxMembers> tx{}; // the same, in the order in which they joined

    // Frames of these queues of the logical interface leave by a member of their own: its id, or kNoMember.
    std::array<std::uint8_t, kMaxLogicalQueues> by_queue = nobody();

    // Receiving. One line of the cache holds all that a look at seven members needs that finds nothing.
    alignas(64) PuntFn punt = nullptr; // nullptr: the mode's control half wants no frames
    MemberSet rx_accept;               // what they receive goes up
    MemberSet rx_groups;               // … balance-alb: group frames too
    MemberSet taps;                    // … link-local frames go to control, for their taps
    std::uint8_t rx_count = 0;
    std::array<RxMember, kMaxMembers> rx{}; // every member, usable or not: all are polled

    FilterTable filter; // what goes up

    std::array<SnapshotMember, kMaxMembers> member{}; // by MemberId
    std::array<NicLimits, kMaxMembers> nic{};         // … of those with is_nic(offloads)
    std::array<std::uint8_t, kMaxBuckets> bucket{};   // hash mod buckets → MemberId
    std::uint32_t buckets = 0;
    // Modes whose members have MACs of their own: by MemberId, in memory order in the lower 48 bits.
    std::array<std::uint64_t, kMaxMembers> mac{};
    std::uint64_t bond_mac = 0;
    std::uint32_t hold = 0; // flows are on the move: which move it is; tx_burst holds their frames. 0: none
    std::array<std::uint64_t, kMaxBuckets / 64> held{}; // … a bit for each bucket that is on the move
    SprayTable spray;                                   // balance-spray
    std::uint16_t max_frame = 1518; // longest frame (without FCS) that may go up, tags included
    std::uint32_t hash_seed = 0;    // see seeded_hash()
    std::uint64_t generation = 0;
    FailoverMove failover;       // the last one
    TxBurstFn counted = nullptr; // while somebody asks for load by bucket tx_burst counts, then sends by this

    static constexpr std::array<std::uint8_t, kMaxLogicalQueues> nobody() {
        std::array<std::uint8_t, kMaxLogicalQueues> queues{};
        queues.fill(kNoMember.value);
        return queues;
    }
};

} // namespace dpdkbond

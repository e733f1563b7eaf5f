// SPDX-License-Identifier: BSD-3-Clause
// The port's queues, as the application's threads use them and, while those do not, control.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "datapath/lane.hpp"
#include "embed/gate.hpp"

namespace dpdkbond {

class Control;

// Written by whoever is inside the gate.
struct QueueCounters {
    Counter packets, bytes;
};

// What both kinds have.
struct PortQueue {
    Gate gate;
    std::uint16_t number = 0;
    Lane* lane = nullptr;                                   // while the port runs
    const std::atomic<const Snapshot*>* snapshot = nullptr; // the lane's, which is asked first
    Control* control = nullptr;

    // From now on, while nobody is inside the gate; nullptr: the port does not run.
    void use(Lane* its) noexcept {
        lane = its;
        snapshot = its != nullptr ? its->snapshot : nullptr;
    }
    // Inside the gate: the bond's.
    [[nodiscard]] const Snapshot& newest() const noexcept {
        return *snapshot->load(std::memory_order_acquire);
    }
};

// Receives from the members in turn. Its lane's `worker` is the queue's number among the port's receive
// queues.
struct alignas(64) RxQueue : PortQueue {
    static constexpr unsigned kParked = 512;

    // Up to parked_count it is one line of the cache: all that a look needs that finds nothing.
    std::uint16_t port = 0;
    unsigned turn = 0; // which member is the first to be asked next time
    // Frames that control has received in the application's absence, which are its own. Inside the gate, but
    // that others may ask whether there are any.
    std::atomic<unsigned> parked_count{0};
    QueueCounters counters;
    unsigned parked_first = 0;
    std::array<rte_mbuf*, kParked> parked;
    // As it was set up.
    rte_mempool* pool = nullptr;
    std::uint16_t descriptors = 0;
    rte_eth_rxconf conf{};

    // Inside the gate. Up to `room` frames for the application, which owns them.
    std::uint16_t receive(rte_mbuf** frames, std::uint16_t room) noexcept;
    // Control, inside the gate: takes what has come for control, and keeps the rest while there is room.
    // Returns how many it has kept.
    unsigned receive_for_absent() noexcept;
    // Control, inside the gate: keeps frames for the application while there is room; the others are counted
    // in the lane of control that has received them. Returns how many it has kept.
    std::uint16_t park(Lane& by, rte_mbuf** frames, std::uint16_t n) noexcept;
    void free_parked() noexcept;
    [[nodiscard]] bool has_parked() const noexcept {
        return parked_count.load(std::memory_order_acquire) != 0;
    }

private:
    [[gnu::cold]] std::uint16_t take_parked(rte_mbuf** frames, std::uint16_t room) noexcept;
};

struct alignas(64) TxQueue : PortQueue {
    std::atomic<bool> holds{false}; // frames of flows that are on the move (HeldFrames)
    QueueCounters counters;
    Counter refused; // frames that went back
    UnsentFrames unsent;
    std::uint16_t descriptors = 0;
    rte_eth_txconf conf{};

    // Inside the gate. Sends the first of n frames and returns how many they are; the others, behind them and
    // in their order, stay the application's.
    std::uint16_t send(rte_mbuf** frames, std::uint16_t n) noexcept;
    // Control, inside the gate: frames that wait leave if they may.
    void release() noexcept;

private:
    [[gnu::cold]] bool may_send(const Snapshot& s) noexcept; // frames that wait go first
    [[gnu::cold]] std::uint16_t take_back(rte_mbuf** frames, std::uint16_t n) noexcept;
};

// As ethdev calls them.
std::uint16_t receive_burst(void* queue, rte_mbuf** frames, std::uint16_t room);
std::uint16_t send_burst(void* queue, rte_mbuf** frames, std::uint16_t n);

} // namespace dpdkbond

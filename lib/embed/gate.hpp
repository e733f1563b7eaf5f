// SPDX-License-Identifier: BSD-3-Clause
// The entrance to a queue of the port. The application's thread passes it at each burst with two plain
// stores; control finds out whether anybody is inside, and can keep the queue for itself while nobody is: the
// fence that this takes is control's alone (membarrier(2), which makes every running thread of the process
// pass one).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "dpdk/rcu.hpp"

namespace dpdkbond {

class Gate {
public:
    // ---- the thread that uses the queue. False: control is inside, for some microseconds.
    bool enter() noexcept {
        const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
        turn_.store(turn + 1, std::memory_order_relaxed);
        if (fenced_) [[unlikely]]
            std::atomic_thread_fence(std::memory_order_seq_cst);
        else
            std::atomic_signal_fence(std::memory_order_seq_cst);
        if (!closed_.load(std::memory_order_acquire)) [[likely]]
            return true;
        turn_.store(turn + 2, std::memory_order_release);
        return false;
    }
    void leave() noexcept {
        turn_.store(turn_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

    // ---- control
    // True: nobody is inside, and nobody comes in until open(). False: somebody is; nothing has changed.
    bool close() noexcept;
    void open() noexcept { closed_.store(false, std::memory_order_release); }
    // Odd: somebody is inside. It rises with each burst.
    [[nodiscard]] std::uint32_t turn() const noexcept { return turn_.load(std::memory_order_acquire); }

private:
    static bool needs_fence();
    std::atomic<std::uint32_t> turn_{0};
    std::atomic<bool> closed_{false};
    const bool fenced_ = needs_fence(); // the kernel has no membarrier for us
};

// Grace periods by gates: whoever was inside when one began has left since. Control only.
class GateGrace final : public GracePeriods {
public:
    void watch(std::vector<const Gate*> gates) { gates_ = std::move(gates); } // before the first grace period
    std::uint64_t start() override;
    bool passed(std::uint64_t token) override;

private:
    static constexpr std::size_t kPeriods = 16,
                                 kGates = 64; // more than a Publisher has under way, a port has queues
    struct Period {
        std::uint64_t token = 0;
        std::array<std::uint32_t, kGates> turns{};
        std::uint64_t inside = 0; // bit: the gate was passed then and has not been left since
    };
    std::vector<const Gate*> gates_;
    std::array<Period, kPeriods> periods_;
    std::uint64_t newest_ = 0;
};

// Every store that another thread of this process has made is seen from here on, or what it loads from here
// on is new.
void fence_all_threads() noexcept;

} // namespace dpdkbond

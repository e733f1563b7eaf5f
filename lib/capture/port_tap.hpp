// SPDX-License-Identifier: BSD-3-Clause
// Copies of the frames that pass a port, both ways, for a capture. It uses ethdev's callbacks, so a port
// without a tap pays nothing. (librte_pdump would take its copies from the mempool of the data path's choice,
// and twice when a queue refused a frame and was offered it again.)
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include <rte_lcore.h>

#include "base/record_ring.hpp"

struct rte_eth_rxtx_callback;
struct rte_mbuf;

namespace dpdkbond {

// What a record begins with; the frame's bytes follow.
struct TappedFrame {
    std::uint64_t time_ns = 0; // on the clock of now()
    std::uint32_t length = 0;
    std::uint16_t interface = 0; // the tap's
    bool outbound = false;
    std::uint8_t reserved = 0;
};

// Where taps put their copies: a ring for each lcore, as each is written by one thread only.
struct TapRings {
    explicit TapRings(std::size_t bytes_each);
    std::array<std::unique_ptr<RecordRing>, RTE_MAX_LCORE> of_lcore;
};

class PortTap {
public:
    // Ordinary threads. `rings` outlives the tap; nothing is copied yet.
    PortTap(std::uint16_t port, std::uint16_t interface, TapRings& rings)
        : port_(port), interface_(interface), rings_(rings) {}
    // Copies what passes from now on; false: no memory. Then too it is to be detached, with all that follows.
    bool attach();
    // No new burst is copied. One that has begun may be, until a grace period of the workers has passed;
    // then the tap may go. Before the port stops.
    void detach();
    ~PortTap();
    PortTap(const PortTap&) = delete;
    PortTap& operator=(const PortTap&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::uint16_t interface() const { return interface_; }
    [[nodiscard]] bool attached() const { return attached_; }
    [[nodiscard]] std::uint64_t copied() const; // any thread
    [[nodiscard]] std::uint64_t lost() const;   // for which the ring had no room; any thread

private:
    struct Queue { // counters are written below whatever serializes the queue
        PortTap* tap;
        std::uint16_t number;
        bool outbound;
        const rte_eth_rxtx_callback* callback;
        std::atomic<std::uint64_t> copied{0}, lost{0};
    };
    bool listen(std::uint16_t queue, bool outbound);
    static std::uint16_t on_received(std::uint16_t port, std::uint16_t queue, rte_mbuf** frames,
                                     std::uint16_t n, std::uint16_t room, void* self);
    static std::uint16_t on_sending(std::uint16_t port, std::uint16_t queue, rte_mbuf** frames,
                                    std::uint16_t n, void* self);
    void copy(Queue& queue, rte_mbuf* const* frames, std::uint16_t n) noexcept;

    const std::uint16_t port_, interface_;
    TapRings& rings_;
    bool attached_ = false;
    std::vector<std::unique_ptr<Queue>> queues_;
};

// While one lives on a worker, what it sends are frames that the same queue has refused just before: taps
// have them.
class OfferedAgain {
public:
    OfferedAgain() noexcept { now_ = true; }
    ~OfferedAgain() { now_ = false; }
    OfferedAgain(const OfferedAgain&) = delete;
    OfferedAgain& operator=(const OfferedAgain&) = delete;
    static bool now() noexcept { return now_; }

private:
    static inline thread_local bool now_ = false;
};

} // namespace dpdkbond

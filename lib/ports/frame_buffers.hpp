// SPDX-License-Identifier: BSD-3-Clause
// Buffers that wait for one received frame of up to 64 KB, and counters of a queue that is read and written
// by system calls. Owner: the worker that serves the queue.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "ports/vnet_header.hpp"

namespace dpdkbond {

inline constexpr unsigned kLongestFrame = 65536 + 14 + 8;                                // with two tags
inline constexpr unsigned kFrameBuffers = kLongestFrame / RTE_MBUF_DEFAULT_DATAROOM + 1; // 33
// One look at a queue takes no more frames once it has so many bytes: whoever looks has other queues too.
inline constexpr std::uint32_t kBytesALook = 256 * 1024;

// Written by whoever serves the queue, one at a time; read by any thread.
struct QueueCounters {
    std::atomic<std::uint64_t> packets{0}, bytes{0}, errors{0}, no_buffer{0};
    static void add(std::atomic<std::uint64_t>& to, std::uint64_t n) noexcept {
        to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
};

class FrameBuffers {
public:
    explicit FrameBuffers(rte_mempool* pool)
        : pool_(pool),
          count_(std::min<unsigned>(
              kFrameBuffers, kLongestFrame / (rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM) + 1)) {
        pieces_[0] = {&header, sizeof header};
    }
    ~FrameBuffers() {
        for (unsigned i = missing_; i < count_; ++i) rte_pktmbuf_free(buffers_[i]);
    }
    FrameBuffers(const FrameBuffers&) = delete;
    FrameBuffers& operator=(const FrameBuffers&) = delete;

    // There is room for a frame of any length; false: the pool has no buffers.
    bool ready() noexcept {
        if (missing_ == 0) [[likely]]
            return true;
        if (rte_pktmbuf_alloc_bulk(pool_, buffers_.data(), missing_) != 0) return false;
        for (unsigned i = 0; i < missing_; ++i)
            pieces_[i + 1] = {rte_pktmbuf_mtod(buffers_[i], void*), rte_pktmbuf_tailroom(buffers_[i])};
        missing_ = 0;
        return true;
    }
    [[nodiscard]] iovec* pieces() noexcept { return pieces_.data(); } // the header's, then the frame's
    [[nodiscard]] unsigned count() const noexcept { return count_ + 1; }

    // The frame of `length` bytes that has been written there, now the caller's.
    rte_mbuf* take(std::uint32_t length) noexcept {
        rte_mbuf* const head = buffers_[0];
        head->pkt_len = length;
        unsigned used = 0;
        for (std::uint32_t left = length; left != 0 && used < count_; ++used) {
            rte_mbuf* const m = buffers_[used];
            m->data_len = static_cast<std::uint16_t>(std::min<std::uint32_t>(left, rte_pktmbuf_tailroom(m)));
            left -= m->data_len;
            if (used != 0) buffers_[used - 1]->next = m;
        }
        head->nb_segs = static_cast<std::uint16_t>(used);
        missing_ = used;
        return head;
    }

    VnetHeader header; // of the frame read last

private:
    rte_mempool* const pool_;
    const unsigned count_;
    unsigned missing_ = count_; // the first so many
    std::array<rte_mbuf*, kFrameBuffers> buffers_{};
    std::array<iovec, kFrameBuffers + 1> pieces_{};
};

// What is to be sent of a frame: header and segments. Returns how many pieces; 0: more than there is room
// for.
inline unsigned gather(const rte_mbuf* frame, VnetHeader& header, iovec* pieces, unsigned room) noexcept {
    if (frame->nb_segs + 1U > room) return 0;
    pieces[0] = {&header, sizeof header};
    unsigned n = 1;
    for (const rte_mbuf* m = frame; m != nullptr; m = m->next)
        pieces[n++] = {rte_pktmbuf_mtod(m, void*), m->data_len};
    return n;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What a lane has sent, by samples: while somebody asks for load (Bond::count_flows), the first bytes of one
// frame of one burst of four. The writer never waits; a reader that is too slow misses the oldest.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "base/bytes.hpp"

namespace dpdkbond {

class FlowSamples {
public:
    static constexpr std::size_t kRoom = 256;   // samples
    static constexpr std::size_t kHeader = 104; // bytes: two tags, IPv6 with an option or in IPv4, ports

    // ---- the lane's worker
    // This frame stands for so many bytes.
    void take(const rte_mbuf* frame, std::uint64_t bytes) noexcept {
        const std::uint64_t number = begun_.load(std::memory_order_relaxed);
        std::array<std::uint64_t, kWords> words{};
        const std::size_t length = std::min<std::size_t>(frame->data_len, kHeader);
        words[0] = bytes << kLengthBits | length;
        std::memcpy(&words[1], rte_pktmbuf_mtod(frame, const void*), length);
        begun_.store(number + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release); // before the words, as SeqBox has it
        for (std::size_t i = 0; i < kWords; ++i)
            samples_[number % kRoom][i].store(words[i], std::memory_order_relaxed);
        done_.store(number + 1, std::memory_order_release);
    }

    // ---- any thread
    [[nodiscard]] std::uint64_t taken() const noexcept { return done_.load(std::memory_order_acquire); }
    // f(header, bytes) for each sample since `taken` was read, as far as it is there still.
    template <class F> void each_since(std::uint64_t taken, F f) const {
        const std::uint64_t end = done_.load(std::memory_order_acquire);
        for (std::uint64_t n = end - std::min<std::uint64_t>(end - taken, kRoom); n != end; ++n) {
            std::array<std::uint64_t, kWords> words;
            for (std::size_t i = 0; i < kWords; ++i)
                words[i] = samples_[n % kRoom][i].load(std::memory_order_relaxed);
            std::atomic_thread_fence(std::memory_order_acquire);
            if (begun_.load(std::memory_order_relaxed) > n + kRoom) continue; // another lies there by now
            f(Bytes{reinterpret_cast<const std::uint8_t*>(&words[1]), words[0] & ((1U << kLengthBits) - 1)},
              words[0] >> kLengthBits);
        }
    }

private:
    static constexpr std::size_t kWords = 1 + kHeader / 8;
    static constexpr unsigned kLengthBits = 8;
    static_assert(kHeader % 8 == 0 && kHeader < 1U << kLengthBits);
    alignas(64) std::atomic<std::uint64_t> begun_{0}, done_{0};
    std::array<std::array<std::atomic<std::uint64_t>, kWords>, kRoom> samples_{};
};

} // namespace dpdkbond

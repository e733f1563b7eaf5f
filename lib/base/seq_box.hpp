// SPDX-License-Identifier: BSD-3-Clause
// One writer publishes a record; any number of readers copy it and retry when the writer was in the middle.
// The writer never waits. The record is moved word by word through relaxed atomics, so that a torn read is a
// retry and not a data race.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

namespace dpdkbond {

template <class T> class SeqBox {
    static_assert(std::is_trivially_copyable_v<T>);
    static constexpr std::size_t kWords = (sizeof(T) + 7) / 8;

public:
    SeqBox() : words_(new std::atomic<std::uint64_t>[kWords]) {
        for (std::size_t i = 0; i < kWords; ++i) words_[i].store(0, std::memory_order_relaxed);
        store(T{});
    }

    // The one writer. Wait-free.
    void store(const T& value) {
        const std::uint32_t seq = seq_.load(std::memory_order_relaxed);
        seq_.store(seq + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
        const auto* from = reinterpret_cast<const unsigned char*>(&value);
        for (std::size_t i = 0; i < kWords; ++i) {
            std::uint64_t word = 0;
            const std::size_t left = sizeof(T) - i * 8;
            std::memcpy(&word, from + i * 8, left < 8 ? left : 8);
            words_[i].store(word, std::memory_order_relaxed);
        }
        seq_.store(seq + 2, std::memory_order_release);
    }

    // Any thread. Retries while a store is under way.
    void load(T& out) const {
        auto* to = reinterpret_cast<unsigned char*>(&out);
        for (;;) {
            const std::uint32_t before = seq_.load(std::memory_order_acquire);
            if ((before & 1U) != 0) continue;
            for (std::size_t i = 0; i < kWords; ++i) {
                const std::uint64_t word = words_[i].load(std::memory_order_relaxed);
                const std::size_t left = sizeof(T) - i * 8;
                std::memcpy(to + i * 8, &word, left < 8 ? left : 8);
            }
            std::atomic_thread_fence(std::memory_order_acquire);
            if (seq_.load(std::memory_order_relaxed) == before) return;
        }
    }

private:
    std::atomic<std::uint32_t> seq_{0};
    std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
};

} // namespace dpdkbond

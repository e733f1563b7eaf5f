// SPDX-License-Identifier: BSD-3-Clause
// Records of differing length from one thread to another, in one piece of memory. Never blocks: a writer that
// finds no room is told at once. One thread writes, one reads.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace dpdkbond {

class RecordRing {
public:
    // `bytes` is rounded up to a power of two. The memory is touched, so that the writer meets no page fault.
    explicit RecordRing(std::size_t bytes)
        : size_(std::bit_ceil(bytes)), memory_(std::make_unique<std::byte[]>(size_)) {}

    // ---- the writer
    // Room for a record; nullptr: there is none now, or the record is longer than the ring. The reader sees
    // the record after commit().
    std::byte* reserve(std::size_t length) noexcept {
        const std::size_t need = whole(length), at = write_ & (size_ - 1);
        const std::size_t skip = at + need > size_ ? size_ - at : 0; // a record lies in one piece
        if (need > size_ || write_ + skip + need - read_.load(std::memory_order_acquire) > size_)
            return nullptr;
        if (skip != 0) put_length(at, kSkip);
        write_ += skip;
        put_length(write_ & (size_ - 1), static_cast<std::uint32_t>(length));
        std::byte* const room = &memory_[(write_ & (size_ - 1)) + kHeader];
        write_ += need;
        return room;
    }
    void commit() noexcept { written_.store(write_, std::memory_order_release); }

    // ---- the reader
    // The oldest record, valid until pop(); empty: there is none.
    std::span<const std::byte> front() noexcept {
        std::uint64_t at = read_.load(std::memory_order_relaxed);
        if (at == written_.load(std::memory_order_acquire)) return {};
        if (length_at(at & (size_ - 1)) == kSkip) {
            at += size_ - (at & (size_ - 1));
            read_.store(at, std::memory_order_release);
        }
        return {&memory_[(at & (size_ - 1)) + kHeader], length_at(at & (size_ - 1))};
    }
    void pop() noexcept {
        const std::uint64_t at = read_.load(std::memory_order_relaxed);
        read_.store(at + whole(length_at(at & (size_ - 1))), std::memory_order_release);
    }

private:
    static constexpr std::size_t kHeader = 8; // keeps records aligned
    static constexpr std::uint32_t kSkip = ~0U;
    static std::size_t whole(std::size_t length) { return kHeader + ((length + 7) & ~std::size_t{7}); }
    void put_length(std::size_t at, std::uint32_t length) {
        std::memcpy(&memory_[at], &length, sizeof length);
    }
    [[nodiscard]] std::uint32_t length_at(std::size_t at) const {
        std::uint32_t length;
        std::memcpy(&length, &memory_[at], sizeof length);
        return length;
    }

    const std::size_t size_;
    const std::unique_ptr<std::byte[]> memory_;
    std::uint64_t write_ = 0;                           // owner: the writer
    alignas(64) std::atomic<std::uint64_t> written_{0}; // … what of it the reader may see
    alignas(64) std::atomic<std::uint64_t> read_{0};    // owner: the reader
};

} // namespace dpdkbond

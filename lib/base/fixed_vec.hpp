// SPDX-License-Identifier: BSD-3-Clause
// A vector with room for N trivially copyable items inside itself: no allocation, memcpy-able.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <type_traits>

namespace dpdkbond {

template <class T, std::size_t N> class FixedVec {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    using value_type = T;

    [[nodiscard]] constexpr std::size_t size() const { return size_; }
    [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
    [[nodiscard]] constexpr bool full() const { return size_ == N; }
    static constexpr std::size_t capacity() { return N; }

    constexpr bool push_back(const T& item) { // false (and no change) when full
        if (full()) return false;
        items_[size_++] = item;
        return true;
    }
    constexpr bool insert_at(std::size_t index,
                             const T& item) { // before that one; false (and no change) when full
        assert(index <= size_);
        if (full()) return false;
        for (std::size_t i = size_++; i > index; --i) items_[i] = items_[i - 1];
        items_[index] = item;
        return true;
    }
    constexpr void erase_at(std::size_t index) { // keeps the order of the rest
        assert(index < size_);
        for (std::size_t i = index + 1; i < size_; ++i) items_[i - 1] = items_[i];
        --size_;
    }
    constexpr void clear() { size_ = 0; }

    constexpr T& operator[](std::size_t i) { return items_[i]; }
    constexpr const T& operator[](std::size_t i) const { return items_[i]; }
    constexpr T* begin() { return items_.data(); }
    constexpr T* end() { return items_.data() + size_; }
    constexpr const T* begin() const { return items_.data(); }
    constexpr const T* end() const { return items_.data() + size_; }
    constexpr T& back() { return items_[size_ - 1]; }
    constexpr const T& back() const { return items_[size_ - 1]; }

private:
    std::array<T, N> items_{};
    std::size_t size_ = 0;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace dpdkbond {

// A set of enumerators that are numbered from 0 to Room - 1.
template <class E, std::size_t Room> class EnumSet {
    static_assert(Room <= 32, "a bit for each");

public:
    constexpr EnumSet() = default;
    constexpr EnumSet(std::initializer_list<E> members) {
        for (const E e : members) add(e);
    }
    constexpr EnumSet& add(E e, bool on = true) {
        if (on) bits_ |= bit(e);
        return *this;
    }
    [[nodiscard]] constexpr EnumSet without(E e) const {
        EnumSet rest = *this;
        rest.bits_ &= ~bit(e);
        return rest;
    }
    [[nodiscard]] constexpr bool has(E e) const { return (bits_ & bit(e)) != 0; }
    [[nodiscard]] constexpr bool meets(EnumSet other) const { return (bits_ & other.bits_) != 0; }
    [[nodiscard]] constexpr bool contains(EnumSet other) const { return (other.bits_ & ~bits_) == 0; }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    constexpr EnumSet operator|(EnumSet other) const {
        other.bits_ |= bits_;
        return other;
    }
    constexpr bool operator==(const EnumSet&) const = default;

private:
    static constexpr std::uint32_t bit(E e) { return std::uint32_t{1} << static_cast<unsigned>(e); }
    std::uint32_t bits_ = 0;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Sets of members of one bond, and values by member. kNoMember fits into neither.
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <initializer_list>

#include "base/strong_id.hpp"

namespace dpdkbond {

// Adding or removing kNoMember changes nothing, and it is in no set. No branch: workers ask for every burst.
class MemberSet {
public:
    class Iterator {
    public:
        constexpr explicit Iterator(std::uint32_t rest) : rest_(rest) {}
        constexpr MemberId operator*() const {
            return MemberId{static_cast<std::uint8_t>(std::countr_zero(rest_))};
        }
        constexpr Iterator& operator++() {
            rest_ &= rest_ - 1;
            return *this;
        }
        constexpr bool operator==(const Iterator&) const = default;

    private:
        std::uint32_t rest_;
    };

    constexpr MemberSet() = default;
    constexpr MemberSet(std::initializer_list<MemberId> members) {
        for (const MemberId m : members) add(m);
    }
    static constexpr MemberSet of_bits(std::uint32_t bits) { // bit n: the member of id n
        MemberSet set;
        set.bits_ = bits;
        return set;
    }
    static constexpr MemberSet all() {
        return of_bits(~std::uint32_t{0});
    } // whom the bond has, and any other id

    constexpr void add(MemberId id) { bits_ |= bit(id); }
    constexpr void remove(MemberId id) { bits_ &= ~bit(id); }
    [[nodiscard]] constexpr bool has(MemberId id) const {
        return (std::uint64_t{bits_} >> (id.value & 63U) & 1U) != 0;
    }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    [[nodiscard]] constexpr unsigned size() const { return static_cast<unsigned>(std::popcount(bits_)); }
    [[nodiscard]] constexpr MemberId first() const {
        return empty() ? kNoMember : *begin();
    } // of the lowest id
    [[nodiscard]] constexpr std::uint32_t bits() const { return bits_; }

    [[nodiscard]] constexpr Iterator begin() const { return Iterator(bits_); } // in the order of ids
    [[nodiscard]] constexpr Iterator end() const { return Iterator(0); }

    constexpr MemberSet operator|(MemberSet o) const { return of_bits(bits_ | o.bits_); }
    constexpr MemberSet operator&(MemberSet o) const { return of_bits(bits_ & o.bits_); }
    constexpr MemberSet operator-(MemberSet o) const { return of_bits(bits_ & ~o.bits_); }
    constexpr MemberSet& operator|=(MemberSet o) { return *this = *this | o; }
    constexpr MemberSet& operator&=(MemberSet o) { return *this = *this & o; }
    constexpr MemberSet& operator-=(MemberSet o) { return *this = *this - o; }
    constexpr bool operator==(const MemberSet&) const = default;

private:
    static constexpr std::uint32_t bit(MemberId id) {
        return static_cast<std::uint32_t>(std::uint64_t{1} << (id.value & 63U));
    }
    static_assert(kMaxMembers == 32 && (kNoMember.value & 63U) >= kMaxMembers);
    std::uint32_t bits_ = 0;
};

// A value for each member that a bond may have.
template <class T> class MemberMap {
public:
    [[nodiscard]] constexpr T& operator[](MemberId id) {
        assert(id.value < kMaxMembers);
        return values_[id.value];
    }
    [[nodiscard]] constexpr const T& operator[](MemberId id) const {
        assert(id.value < kMaxMembers);
        return values_[id.value];
    }

    [[nodiscard]] constexpr auto begin() { return values_.begin(); }
    [[nodiscard]] constexpr auto end() { return values_.end(); }
    [[nodiscard]] constexpr auto begin() const { return values_.begin(); }
    [[nodiscard]] constexpr auto end() const { return values_.end(); }

private:
    std::array<T, kMaxMembers> values_{};
};

} // namespace dpdkbond

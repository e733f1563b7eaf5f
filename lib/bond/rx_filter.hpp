// SPDX-License-Identifier: BSD-3-Clause
// Which of the frames that members receive are the logical interface's: what control is told of it, and the
// form that workers look things up in.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/fixed_vec.hpp"
#include "base/mac.hpp"
#include "base/member_set.hpp"

namespace dpdkbond {

inline constexpr std::size_t kMaxFilterMacs = 256;

// What the logical interface asks for. owner: control; written from the host thread's view of the kernel.
struct RxFilter {
    bool up = true;          // not set down by an administrator
    bool all_unicast = true; // promiscuous
    bool all_groups = true;
    FixedVec<Mac, kMaxFilterMacs> macs; // addresses besides the bond's own, and groups

    bool operator==(const RxFilter& other) const {
        return up == other.up && all_unicast == other.all_unicast && all_groups == other.all_groups &&
               std::equal(macs.begin(), macs.end(), other.macs.begin(), other.macs.end());
    }
};

// A MAC as the data path compares it: its bytes in memory order, two zero bytes behind them.
inline std::uint64_t mac_key(const std::uint8_t* six_bytes_of_more_than_seven) noexcept {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t key = 0;
    std::memcpy(&key, six_bytes_of_more_than_seven, sizeof key);
    return key & 0x0000'ffff'ffff'ffffULL;
}
inline std::uint64_t mac_key(const Mac& mac) noexcept {
    std::uint64_t key = 0;
    std::memcpy(&key, mac.data(), mac.bytes.size());
    return key;
}
inline constexpr std::uint64_t kBroadcastKey = 0x0000'ffff'ffff'ffffULL;
constexpr bool is_group_key(std::uint64_t key) noexcept { return (key & 1U) != 0; }
// 01-80-C2-00-00-00 … -0F: what is between two ends of a wire concerns whoever listens (802.1Q-2018 8.6.3).
constexpr bool is_link_local_key(std::uint64_t key) noexcept {
    return (key & 0x0000'f0ff'ffff'ffffULL) == 0x0000'0000'00c2'8001ULL;
}

// A set of MACs: one or two loads a question.
class MacTable {
public:
    // False when it is full.
    bool add(const Mac& mac) noexcept {
        const std::uint64_t key = mac_key(mac);
        if (key == 0 || contains(key)) return true;
        if (count_ == kMaxFilterMacs + kMaxMembers) return false;
        std::size_t at = slot(key);
        while (keys_[at] != 0) at = (at + 1) % kSlots;
        keys_[at] = key;
        ++count_;
        return true;
    }
    [[nodiscard]] bool contains(std::uint64_t key) const noexcept {
        for (std::size_t at = slot(key); keys_[at] != 0; at = (at + 1) % kSlots)
            if (keys_[at] == key) return true;
        return false;
    }

private:
    static constexpr std::size_t kSlots = 512;
    static_assert(kMaxFilterMacs + kMaxMembers < kSlots);
    static constexpr std::size_t slot(std::uint64_t key) noexcept {
        return (key * 0x9e37'79b9'7f4a'7c15ULL) >> 55U; // 9 bits
    }
    std::array<std::uint64_t, kSlots> keys_{};
    std::size_t count_ = 0;
};

// The part of a snapshot that sorts received frames. An empty one lets everything pass.
struct FilterTable {
    MemberSet members; // what they receive is sorted here and not by their own hardware
    bool down = false; // nothing is handed up
    bool all_unicast = true;
    bool all_groups = true;
    std::uint64_t own = 0; // the bond's MAC
    MacTable others;       // further addresses, and groups

    [[nodiscard]] bool takes_unicast(std::uint64_t key) const noexcept {
        return all_unicast || key == own || others.contains(key);
    }
    [[nodiscard]] bool takes_group(std::uint64_t key) const noexcept {
        return all_groups || key == kBroadcastKey || is_link_local_key(key) || others.contains(key);
    }
};

// `sorting`: the members whose hardware does not.
inline void fill_filter(FilterTable& out, const RxFilter& wanted, const Mac& own, MemberSet sorting) {
    out.down = !wanted.up;
    out.all_unicast = wanted.all_unicast || own.is_zero();
    out.all_groups = wanted.all_groups;
    out.own = mac_key(own);
    for (const Mac& mac : wanted.macs)
        if (!out.others.add(mac)) (mac.is_multicast() ? out.all_groups : out.all_unicast) = true;
    out.members = out.down ? MemberSet::all() : out.all_unicast && out.all_groups ? MemberSet{} : sorting;
}

} // namespace dpdkbond

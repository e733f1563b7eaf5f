// SPDX-License-Identifier: BSD-3-Clause
// Small integers that do not convert into one another.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace dpdkbond {

template <class Tag, class Rep = std::uint16_t> struct StrongId {
    Rep value{};
    constexpr auto operator<=>(const StrongId&) const = default;
};

// A member's slot in its bond: stable while it is a member, reused after it left. Always < kMaxMembers.
using MemberId = StrongId<struct MemberTag, std::uint8_t>;
// A DPDK ethdev port.
using PortId = StrongId<struct PortTag, std::uint16_t>;

inline constexpr std::size_t kMaxMembers = 32;
inline constexpr std::size_t kMaxLogicalQueues = 16;
inline constexpr std::size_t kMaxBonds = 64;
inline constexpr std::size_t kMaxWorkers = 16;
inline constexpr MemberId kNoMember{0xff};

} // namespace dpdkbond

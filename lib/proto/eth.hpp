// SPDX-License-Identifier: BSD-3-Clause
// Ethernet II header and VLAN tags: constants, reading, writing. Pure; any thread; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/fixed_vec.hpp"
#include "base/mac.hpp"

namespace dpdkbond {

inline constexpr std::size_t kEthHeaderSize = 14;
inline constexpr std::size_t kVlanTagSize = 4;
inline constexpr std::size_t kEthMinFrame = 60; // without FCS
inline constexpr std::size_t kMaxVlanTags = 2;  // as many as parse_eth() looks behind

namespace ethertype {
inline constexpr std::uint16_t ipv4 = 0x0800;
inline constexpr std::uint16_t arp = 0x0806;
inline constexpr std::uint16_t vlan = 0x8100; // 802.1Q C-tag
inline constexpr std::uint16_t qinq = 0x88a8; // 802.1ad S-tag
inline constexpr std::uint16_t ipv6 = 0x86dd;
inline constexpr std::uint16_t slow = 0x8809;     // 802.3 slow protocols
inline constexpr std::uint16_t loopback = 0x9000; // what Linux bonding sends to teach switches
} // namespace ethertype

constexpr bool is_vlan_ethertype(std::uint16_t type) {
    return type == ethertype::vlan || type == ethertype::qinq;
}

// A VLAN tag control field: priority, drop eligible, id. A tag with id 0 is a priority tag.
struct VlanTag {
    std::uint16_t tpid = ethertype::vlan;
    std::uint16_t tci = 0;
    [[nodiscard]] constexpr std::uint16_t id() const { return tci & 0x0fffU; }
    constexpr bool operator==(const VlanTag&) const = default;
};
using VlanTags = FixedVec<VlanTag, kMaxVlanTags>; // outermost first

// What lies in front of a frame's payload. `type` is the first ethertype that is not a VLAN tag (or the third
// tag's).
struct EthView {
    Mac destination{};
    Mac source{};
    std::uint16_t type = 0;
    std::uint8_t tag_count = 0;
    VlanTag tags[kMaxVlanTags]{};   // outermost first
    std::size_t payload_offset = 0; // from the start of the frame
};

// nullopt: too short for its header and tags.
std::optional<EthView> parse_eth(Bytes frame);

// Writes addresses, tags (outermost first) and ethertype; returns the header's length, 0 when `out` is too
// small.
std::size_t build_eth(MutableBytes out, Mac destination, Mac source, std::uint16_t type,
                      const VlanTag* tags = nullptr, std::size_t tag_count = 0);

} // namespace dpdkbond

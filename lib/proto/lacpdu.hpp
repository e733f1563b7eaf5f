// SPDX-License-Identifier: BSD-3-Clause
// The LACPDU (802.1AX-2014 6.4.2). Pure; any thread; no allocation.
#pragma once

#include <optional>

#include "base/strong_id.hpp"
#include "proto/slow.hpp"

namespace dpdkbond {

using SystemPriority = StrongId<struct SystemPriorityTag>;
using PortPriority = StrongId<struct PortPriorityTag>;
using PortNumber = StrongId<struct PortNumberTag>;
using Key = StrongId<struct KeyTag>;

// Actor_State and Partner_State, in the order of the wire's bits (802.1AX-2014 6.4.2.3 n).
enum class StateBit : std::uint8_t {
    activity = 0x01,
    timeout = 0x02, // set: short
    aggregation = 0x04,
    synchronization = 0x08,
    collecting = 0x10,
    distributing = 0x20,
    defaulted = 0x40,
    expired = 0x80,
};

struct StateBits {
    std::uint8_t value = 0;
    [[nodiscard]] constexpr bool has(StateBit bit) const {
        return (value & static_cast<std::uint8_t>(bit)) != 0;
    }
    constexpr void set(StateBit bit, bool on = true) {
        const auto mask = static_cast<std::uint8_t>(bit);
        value = static_cast<std::uint8_t>(on ? value | mask : value & ~mask);
    }
    constexpr void clear(StateBit bit) { set(bit, false); }
    constexpr bool operator==(const StateBits&) const = default;
};

// What an Actor or a Partner information TLV says about one end of a link.
struct LacpInfo {
    SystemPriority system_priority{};
    Mac system{};
    Key key{};
    PortPriority port_priority{};
    PortNumber port{};
    StateBits state{};
    bool operator==(const LacpInfo&) const = default;
};

inline constexpr std::uint8_t kLacpVersion = 1;

struct Lacpdu {
    std::uint8_t version = kLacpVersion;
    LacpInfo actor{};
    LacpInfo partner{};
    std::uint16_t collector_max_delay = 0; // tens of microseconds
    bool operator==(const Lacpdu&) const = default;
};

// Reads a whole frame whose ethertype and subtype the caller has looked at. Checked are the frame's length
// and the lengths of the three TLVs; version, TLV types and reserved octets are not (802.1AX-2014 6.4.12
// forbids it), so that version 2 and whatever it appends are accepted. nullopt: a length is wrong.
std::optional<Lacpdu> decode_lacpdu(Bytes frame);

// Writes the whole frame: to the slow-protocols address, from `source`, padding and reserved octets zero.
void encode_lacpdu(SlowFrame& out, Mac source, const Lacpdu& pdu);

} // namespace dpdkbond

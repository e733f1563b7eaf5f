// SPDX-License-Identifier: BSD-3-Clause
// A MAC address. Any thread; no allocation except in to_string().
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dpdkbond {

struct Mac {
    std::array<std::uint8_t, 6> bytes{}; // in wire order

    constexpr auto operator<=>(const Mac&) const = default;
    [[nodiscard]] constexpr bool is_zero() const { return *this == Mac{}; }
    [[nodiscard]] constexpr bool is_multicast() const { return (bytes[0] & 1U) != 0; } // broadcast too
    [[nodiscard]] constexpr bool is_broadcast() const {
        return *this == Mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    }
    [[nodiscard]] constexpr bool is_valid_unicast() const { return !is_zero() && !is_multicast(); }
    [[nodiscard]] constexpr const std::uint8_t* data() const { return bytes.data(); }
    [[nodiscard]] constexpr std::uint8_t* data() { return bytes.data(); }

    // Lower case, colon separated: "02:bd:00:00:00:01".
    [[nodiscard]] std::string to_string() const;
    // Six groups of one or two hex digits separated by ':' or by '-'; nothing else is taken.
    static std::optional<Mac> parse(std::string_view text);
    static Mac from_bytes(const void* six_bytes);
};

} // namespace dpdkbond

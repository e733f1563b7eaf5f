// SPDX-License-Identifier: BSD-3-Clause
// IPv4 and IPv6 addresses in wire order, and prefixes as `ip addr` writes them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dpdkbond {

struct Ipv4 {
    std::array<std::uint8_t, 4> bytes{};
    constexpr auto operator<=>(const Ipv4&) const = default;
    [[nodiscard]] std::string to_string() const;
    static std::optional<Ipv4> parse(std::string_view text);
};

struct Ipv6 {
    std::array<std::uint8_t, 16> bytes{};
    constexpr auto operator<=>(const Ipv6&) const = default;
    [[nodiscard]] std::string to_string() const;
    static std::optional<Ipv6> parse(std::string_view text);
};

struct IpPrefix {
    bool is_v6 = false;
    Ipv4 v4{};
    Ipv6 v6{};
    std::uint8_t length = 0; // bits
    auto operator<=>(const IpPrefix&) const = default;
    [[nodiscard]] std::string to_string() const;
    // "192.0.2.1/24", "2001:db8::1/64"; without a slash the full length.
    static std::optional<IpPrefix> parse(std::string_view text);
};

} // namespace dpdkbond

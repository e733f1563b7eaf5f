// SPDX-License-Identifier: BSD-3-Clause
// How long a capture may run, as the command line and the console read it. Any thread.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace dpdkbond {

inline constexpr std::uint32_t kLongestCapture = 86400; // seconds; `help` says so too

// Nothing: it is no whole number from 1 to kLongestCapture.
inline std::optional<std::uint32_t> capture_seconds(std::string_view text) {
    std::uint32_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds < 1 || seconds > kLongestCapture)
        return std::nullopt;
    return seconds;
}

} // namespace dpdkbond

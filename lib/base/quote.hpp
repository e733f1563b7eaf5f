// SPDX-License-Identifier: BSD-3-Clause
// Text that came from outside, made fit for a one-line message. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

namespace dpdkbond {

// In double quotes, on one line: control characters and bytes beyond ASCII become \xNN, and after `max` bytes
// "..." follows.
inline std::string in_quotes(std::string_view text, std::size_t max = 48) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text.substr(0, max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e) {
            out += "\\x";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
    }
    if (text.size() > max) out += "...";
    return out + '"';
}

} // namespace dpdkbond

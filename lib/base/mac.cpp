// SPDX-License-Identifier: BSD-3-Clause
#include "base/mac.hpp"

#include <cstring>

namespace dpdkbond {

namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

} // namespace

std::string Mac::to_string() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(17);
    for (const std::uint8_t b : bytes) {
        if (!out.empty()) out.push_back(':');
        out.push_back(digits[b >> 4U]);
        out.push_back(digits[b & 0xfU]);
    }
    return out;
}

std::optional<Mac> Mac::parse(std::string_view text) {
    Mac mac;
    char separator = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        if (i > 0) {
            if (at >= text.size() || (text[at] != ':' && text[at] != '-')) return std::nullopt;
            if (separator != 0 && text[at] != separator) return std::nullopt;
            separator = text[at++];
        }
        int value = -1;
        for (int digits = 0; digits < 2 && at < text.size(); ++digits) {
            const int v = hex_value(text[at]);
            if (v < 0) break;
            value = (value < 0 ? 0 : value * 16) + v;
            ++at;
        }
        if (value < 0) return std::nullopt;
        mac.bytes[i] = static_cast<std::uint8_t>(value);
    }
    if (at != text.size()) return std::nullopt;
    return mac;
}

Mac Mac::from_bytes(const void* six_bytes) {
    Mac mac;
    std::memcpy(mac.bytes.data(), six_bytes, mac.bytes.size());
    return mac;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What an instance that leaves warm knows, for the next one: named values and sections of such, as text.
//
//     bond bond0 {
//       mode 802.3ad
//       member m0 {
//         id 0
//       }
//     }
//
// A value that is missing, or none of its kind, is as good as none: who reads it has a default or starts
// cold.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.hpp"
#include "base/mac.hpp"
#include "base/time.hpp"

namespace dpdkbond {

class Saved {
public:
    explicit Saved(std::string_view kind = {}, std::string_view label = {}) : kind_(kind), label_(label) {}

    [[nodiscard]] const std::string& kind() const { return kind_; }
    [[nodiscard]] const std::string& label() const { return label_; }

    // ---- to write. Keys and kinds are words.
    void put(std::string_view key, std::string_view text) { values_.emplace_back(key, text); }
    void put(std::string_view key, std::integral auto number) {
        put(key, std::string_view(std::to_string(number)));
    }
    void put(std::string_view key, const Mac& mac) { put(key, std::string_view(mac.to_string())); }
    void put(std::string_view key, Time at) { put(key, to_ns(at)); } // on CLOCK_MONOTONIC: of this boot
    Saved& add(std::string_view kind, std::string_view label = {}) {
        return sections_.emplace_back(kind, label);
    }

    // ---- to read
    [[nodiscard]] std::optional<std::string_view> text(std::string_view key) const;
    template <std::integral T> [[nodiscard]] std::optional<T> number(std::string_view key) const {
        const auto value = text(key);
        return value ? number_of<T>(*value) : std::nullopt;
    }
    template <std::integral T> [[nodiscard]] T number(std::string_view key, T otherwise) const {
        return number<T>(key).value_or(otherwise);
    }
    [[nodiscard]] bool flag(std::string_view key) const { return number<int>(key, 0) == 1; }
    [[nodiscard]] Mac mac(std::string_view key) const; // zero: none
    [[nodiscard]] Time time(std::string_view key, Time otherwise) const {
        const auto ns = number<std::int64_t>(key);
        return ns ? time_from_ns(*ns) : otherwise;
    }
    [[nodiscard]] const Saved* find(std::string_view kind, std::string_view label = {}) const;
    [[nodiscard]] const std::vector<Saved>& sections() const { return sections_; }

    // ---- as text: what the section holds, not its own name
    [[nodiscard]] std::string to_text() const;
    static std::optional<Saved> parse(std::string_view text); // nothing: it is no such text

    template <std::integral T> static std::optional<T> number_of(std::string_view text) {
        if constexpr (std::same_as<T, bool>) {
            return text == "1" ? std::optional(true) : text == "0" ? std::optional(false) : std::nullopt;
        } else {
            T value{};
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
            return value;
        }
    }

private:
    void write(std::string& out, unsigned depth) const;

    std::string kind_, label_;
    std::vector<std::pair<std::string, std::string>> values_;
    std::vector<Saved> sections_;
};

} // namespace dpdkbond

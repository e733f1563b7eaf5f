// SPDX-License-Identifier: BSD-3-Clause
// Text of at most N characters inside itself; longer text is cut. For status records that cross threads by
// memcpy.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace dpdkbond {

template <std::size_t N> class FixedString {
public:
    constexpr FixedString() = default;
    constexpr FixedString(std::string_view text) { assign(text); }
    constexpr FixedString(const char* text) { assign(text); }
    FixedString(const std::string& text) { assign(text); }

    constexpr void assign(std::string_view text) {
        size_ = static_cast<std::uint16_t>(std::min(text.size(), N));
        std::copy_n(text.data(), size_, chars_.data());
    }
    [[nodiscard]] constexpr std::string_view view() const { return {chars_.data(), size_}; }
    [[nodiscard]] std::string str() const { return std::string(view()); }
    [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
    constexpr operator std::string_view() const { return view(); }
    friend constexpr bool operator==(const FixedString& a, std::string_view b) { return a.view() == b; }

private:
    std::array<char, N> chars_{};
    std::uint16_t size_ = 0;
};

template <std::size_t A, std::size_t B>
constexpr bool operator==(const FixedString<A>& a, const FixedString<B>& b) {
    return a.view() == b.view();
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// printf into a FixedString<N>, cut where it is full: no allocation. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "base/fixed_string.hpp"

namespace dpdkbond::lacp {

template <std::size_t N> FixedString<N> format(const char* pattern, auto... arguments) {
    std::array<char, N + 1> text;
    const int length = std::snprintf(text.data(), text.size(), pattern, arguments...);
    return std::string_view(text.data(),
                            std::min<std::size_t>(static_cast<std::size_t>(std::max(length, 0)), N));
}

} // namespace dpdkbond::lacp

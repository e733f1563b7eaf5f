// SPDX-License-Identifier: BSD-3-Clause
#include "ops/screen.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace dpdkbond {

namespace {

constexpr std::string_view kHome = "\x1b[H", kClearLine = "\x1b[K", kClearRest = "\x1b[J";

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

} // namespace

std::string screen_of(std::string_view text, std::size_t rows, std::size_t columns) {
    const auto lines = lines_of(text);
    const std::size_t room = rows - 1; // the cursor's row stays free
    const std::size_t shown = lines.size() <= room ? lines.size() : room - std::min<std::size_t>(room, 1);
    std::string out(kHome);
    for (std::size_t i = 0; i < shown; ++i)
        out += fmt::format("{}{}\n", lines[i].substr(0, columns), kClearLine);
    if (shown < lines.size() && room != 0)
        out += fmt::format("... {} more lines{}\n", lines.size() - shown, kClearLine);
    return out + std::string(kClearRest);
}

} // namespace dpdkbond

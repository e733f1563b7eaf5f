// SPDX-License-Identifier: BSD-3-Clause
#include "ops/line_history.hpp"

namespace dpdkbond {

void LineHistory::add(std::string_view line) {
    if (line.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
    const std::lock_guard lock(mutex_);
    if (!lines_.empty() && lines_.back() == line) return;
    lines_.emplace_back(line);
    if (lines_.size() > kHistoryLines) lines_.pop_front();
}

std::vector<std::string> LineHistory::lines() const {
    const std::lock_guard lock(mutex_);
    return {lines_.begin(), lines_.end()};
}

} // namespace dpdkbond

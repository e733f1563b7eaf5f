// SPDX-License-Identifier: BSD-3-Clause
// The last lines of all console sessions, with which the next one begins. Any ordinary thread.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dpdkbond {

inline constexpr std::size_t kHistoryLines = 50; // librte_cmdline keeps 64

class LineHistory {
public:
    void add(std::string_view line);                      // nothing, and what was said last, is not kept
    [[nodiscard]] std::vector<std::string> lines() const; // oldest first

private:
    mutable std::mutex mutex_;
    std::deque<std::string> lines_;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Which lines of a log are written when a link flaps for hours. Of each kind the first lines of a window are
// written; of those that follow the last one is kept, and written with their number when the window ends. So
// no first and no last line of a kind is lost, and none is uncounted. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace dpdkbond {

struct LogEntry {
    std::string text;        // the whole line
    bool is_warning = false; // else for information
    // What the line says by name: "bond", "member", "event", "detail".
    std::vector<std::pair<std::string_view, std::string>> fields;
    std::string kind;         // what is limited together; empty: is never held back
    std::int64_t wall_us = 0; // when it was said: microseconds since 1970
    std::uint64_t more = 0;   // like it came before it in the window, and are not written
};

class LogLimit {
public:
    static constexpr Duration kWindow = std::chrono::seconds(10);
    static constexpr unsigned kWhole = 10;  // lines of a kind that a window writes …
    static constexpr unsigned kInStorm = 2; // … when the one before it held some back

    // True: it is to be written now. False: it is kept here.
    bool pass(const LogEntry& entry, Time now);
    // What is kept of windows that have ended; `all`: of all windows. In the order in which it was said.
    std::vector<LogEntry> due(Time now, bool all = false);

private:
    struct Window {
        Time began{};
        unsigned left = kWhole; // lines that may yet be written
        std::uint64_t held = 0;
        LogEntry last;
    };
    std::map<std::string, Window, std::less<>> windows_; // by kind
};

} // namespace dpdkbond

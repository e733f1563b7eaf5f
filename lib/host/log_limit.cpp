// SPDX-License-Identifier: BSD-3-Clause
#include "host/log_limit.hpp"

#include <algorithm>

namespace dpdkbond {

bool LogLimit::pass(const LogEntry& entry, Time now) {
    if (entry.kind.empty()) return true;
    const auto [found, is_new] = windows_.try_emplace(entry.kind);
    Window& w = found->second;
    if (is_new || (w.held == 0 && now - w.began >= kWindow)) w = {now, kWhole, 0, {}};
    if (w.held == 0 && w.left > 0) {
        --w.left;
        return true;
    }
    ++w.held;
    w.last = entry;
    return false;
}

std::vector<LogEntry> LogLimit::due(Time now, bool all) {
    std::vector<LogEntry> out;
    for (auto at = windows_.begin(); at != windows_.end();) {
        Window& w = at->second;
        if (!all && now - w.began < kWindow) {
            ++at;
            continue;
        }
        if (w.held == 0) {
            at = windows_.erase(at);
            continue;
        }
        out.push_back(std::move(w.last));
        out.back().more = w.held - 1;
        w = {now, kInStorm, 0, {}};
        ++at;
    }
    std::ranges::sort(out, {}, &LogEntry::wall_us);
    return out;
}

} // namespace dpdkbond

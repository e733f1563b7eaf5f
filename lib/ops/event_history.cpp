// SPDX-License-Identifier: BSD-3-Clause
#include "ops/event_history.hpp"

#include <map>
#include <string_view>
#include <utility>

namespace dpdkbond {

namespace {

constexpr std::size_t kAlwaysKept = 64; // the newest

} // namespace

void EventHistory::add(const Event& event, std::int64_t wall_ns) {
    if (list_.size() == kEventHistory) make_room();
    list_.push_back({event, wall_ns, 0});
}

void EventHistory::put_before(std::vector<PastEvent> older) {
    older.insert(older.end(), list_.begin(), list_.end());
    list_ = std::move(older);
    while (list_.size() > kEventHistory) make_room();
}

// Of the kind and member that has the most entries, the one that came soonest after the one before it goes,
// and is counted there: what is dense is thinned out, what is rare stays.
void EventHistory::make_room() {
    using Group = std::pair<EventKind, std::string_view>;
    struct Seen {
        std::size_t count = 0, last = 0;     // the last one's place
        std::size_t densest = 0, before = 0; // of the closest pair, both places
        Duration gap = Duration::max();      // between them
    };
    std::map<Group, Seen> groups;
    for (std::size_t i = 0; i + kAlwaysKept < list_.size(); ++i) {
        const Event& e = list_[i].event;
        Seen& seen = groups[{e.kind, e.member.view()}];
        if (seen.count++ != 0 && e.at - list_[seen.last].event.at < seen.gap) {
            seen.gap = e.at - list_[seen.last].event.at;
            seen.densest = i;
            seen.before = seen.last;
        }
        seen.last = i;
    }
    const Seen* largest = nullptr;
    for (const auto& [group, seen] : groups)
        if (largest == nullptr || seen.count > largest->count) largest = &seen;
    std::size_t goes = 0; // no two alike: the oldest of all
    if (largest->count > 1) {
        goes = largest->densest;
        list_[largest->before].more += list_[goes].more + 1;
    }
    list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(goes));
}

} // namespace dpdkbond

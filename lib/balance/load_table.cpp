// SPDX-License-Identifier: BSD-3-Clause
#include "balance/load_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/member_set.hpp"

namespace dpdkbond {

namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
// A bucket below this share of all traffic carries nothing that a move could put out of order for long.
constexpr double kIdleRate = 1.0; // bytes/s

} // namespace

LoadTable::Member* LoadTable::find(MemberId id) {
    for (Member& m : members_)
        if (m.id == id) return &m;
    return nullptr;
}

double LoadTable::member_rate(MemberId id) const {
    double sum = 0;
    for (const Bucket& b : buckets_)
        if (b.owner == id) sum += b.rate;
    return sum;
}

bool LoadTable::set_members(std::span<const BalancedMember> members, MemberId active) {
    const bool same = active == active_ && std::ranges::equal(members, given_);
    if (same) return false;
    const bool grew = std::ranges::any_of(
        members, [&](const BalancedMember& m) { return std::ranges::find(given_, m) == given_.end(); });
    given_.clear();
    members_.clear();
    active_ = active;
    std::uint32_t slowest = 0;
    for (const BalancedMember& m : members)
        if (m.speed_mbps != 0 && (slowest == 0 || m.speed_mbps < slowest)) slowest = m.speed_mbps;
    for (const BalancedMember& m : members) {
        given_.push_back(m);
        const std::uint32_t speed = m.speed_mbps != 0 ? m.speed_mbps : std::max(slowest, 1U);
        members_.push_back({.id = m.id, .speed = static_cast<double>(speed)});
    }
    may_move_at_ = Time{}; // the pause is for steady times
    bool changed = buckets_[kUnspread].owner != active;
    buckets_[kUnspread].owner = active;
    sum_up();
    changed |= home_the_homeless();
    if (grew) changed |= send_idle_home();
    return changed;
}

// Loads, counts and targets from the buckets.
void LoadTable::sum_up() {
    double total = 0, speeds = 0;
    for (Member& m : members_) {
        m.load = 0;
        m.count = 0;
        speeds += m.speed;
    }
    for (std::size_t b = 0; b <= kLoadBuckets; ++b) {
        Member* m = find(buckets_[b].owner);
        if (m == nullptr) continue;
        m->load += buckets_[b].rate;
        if (b != kUnspread) ++m->count;
        total += buckets_[b].rate;
    }
    for (Member& m : members_) m.target = total * m.speed / speeds;
}

// Owners for buckets that have none, the busiest first: each to the member that has least for its speed.
bool LoadTable::home_the_homeless() {
    FixedVec<std::uint16_t, kLoadBuckets> homeless;
    for (std::size_t b = 0; b < kLoadBuckets; ++b)
        if (find(buckets_[b].owner) == nullptr) homeless.push_back(static_cast<std::uint16_t>(b));
    if (homeless.empty()) return false;
    std::ranges::sort(homeless, [&](std::uint16_t a, std::uint16_t b) {
        return buckets_[a].rate != buckets_[b].rate ? buckets_[a].rate > buckets_[b].rate : a < b;
    });
    for (const std::uint16_t b : homeless) {
        Bucket& bucket = buckets_[b];
        Member* best = nullptr;
        double least = 0;
        for (Member& m : members_) {
            const double after =
                bucket.rate >= kIdleRate ? (m.load + bucket.rate) / m.speed : (m.count + 1) / m.speed;
            if (best != nullptr && after >= least) continue;
            best = &m;
            least = after;
        }
        bucket.owner = best != nullptr ? best->id : kNoMember;
        if (best == nullptr) continue;
        best->load += bucket.rate;
        ++best->count;
    }
    return true;
}

// Buckets without traffic may go anywhere: they go where they would be with no traffic at all, to the members
// in turn by speed, so that flows to come are spread.
bool LoadTable::send_idle_home() {
    bool changed = false;
    std::array<std::uint32_t, kMaxMembers> homes{};
    for (std::size_t b = 0; b < kLoadBuckets && !members_.empty(); ++b) {
        std::size_t home = 0;
        for (std::size_t m = 1; m < members_.size(); ++m)
            if ((homes[m] + 1) / members_[m].speed < (homes[home] + 1) / members_[home].speed) home = m;
        ++homes[home];
        if (buckets_[b].rate >= kIdleRate || buckets_[b].owner == members_[home].id) continue;
        buckets_[b].owner = members_[home].id;
        changed = true;
    }
    return changed;
}

bool LoadTable::handle_load(const LoadTotals& totals, Time now) {
    const double seconds = std::chrono::duration<double>(now - last_at_).count();
    const bool has_rates = counting_ && seconds > 0.1;
    if (has_rates) {
        for (std::size_t b = 0; b <= kLoadBuckets; ++b) {
            const std::uint64_t bytes = totals[b] >= last_[b] ? totals[b] - last_[b] : 0;
            const double rate = static_cast<double>(bytes) / seconds;
            double& smooth = buckets_[b].rate;
            // What begins is believed at once; what stops fades in a few ticks.
            smooth = smoothing_ && smooth >= kIdleRate ? (smooth + rate) / 2 : rate;
        }
        smoothing_ = true;
    }
    if (!counting_ || has_rates) {
        last_ = totals;
        last_at_ = now;
        counting_ = true;
    }
    if (!has_rates || now < may_move_at_ || members_.size() < 2) return false;
    sum_up();
    double total = 0;
    for (const Member& m : members_) total += m.load;
    if (total < kQuiet || all_within(kStart)) return false;
    const std::uint32_t moved = balance();
    if (moved == 0) return false;
    moves_ += moved;
    may_move_at_ = now + kPause;
    return true;
}

void LoadTable::forget_load() {
    counting_ = smoothing_ = false;
    for (Bucket& b : buckets_) b.rate = 0;
}

bool LoadTable::all_within(double share) const {
    return std::ranges::all_of(members_,
                               [&](const Member& m) { return std::abs(m.off()) <= share * m.target; });
}

// The bucket whose move brings the two members nearest to their targets; kNone when none does.
std::size_t LoadTable::bucket_to_move(const Member& from, const Member& to) const {
    const double wanted = std::min(from.off(), -to.off());
    std::size_t best = kNone;
    for (std::size_t b = 0; b < kLoadBuckets; ++b) {
        const double rate = buckets_[b].rate;
        if (buckets_[b].owner != from.id || rate < kIdleRate) continue;
        // Worth it only if neither ends as far off as one of them was: a flow too big for both must not go to
        // and fro.
        if (rate > 0.95 * (from.off() - to.off())) continue;
        if (best == kNone || std::abs(rate - wanted) < std::abs(buckets_[best].rate - wanted)) best = b;
    }
    return best;
}

// From the member that is furthest over its target to the one that is furthest below, a bucket at a time.
std::uint32_t LoadTable::balance() {
    std::uint32_t moved = 0;
    MemberSet stuck; // have nothing that would help
    while (moved < kLoadBuckets && !all_within(kStop)) {
        Member* from = nullptr;
        for (Member& m : members_)
            if (!stuck.has(m.id) && (from == nullptr || m.off() > from->off())) from = &m;
        if (from == nullptr || from->off() <= 0) break;
        Member* to = &*std::ranges::min_element(members_, {}, &Member::off);
        const std::size_t b = bucket_to_move(*from, *to);
        if (b == kNone) {
            stuck.add(from->id);
            continue;
        }
        buckets_[b].owner = to->id;
        from->load -= buckets_[b].rate;
        to->load += buckets_[b].rate;
        ++moved;
    }
    return moved;
}

} // namespace dpdkbond

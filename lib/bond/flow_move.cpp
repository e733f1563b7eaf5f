// SPDX-License-Identifier: BSD-3-Clause
#include "bond/flow_move.hpp"

#include <algorithm>

namespace dpdkbond {

void FlowMove::plan(const BucketMap& map, TxBurstFn data_half, const FlowMeans& means, Time now) {
    const bool was_under_way = under_way();
    if (!was_under_way && map == to_ && data_half == to_half_) return;
    to_ = map;
    to_half_ = data_half;
    hold_ = means.hold;

    // With another number of buckets or another hash, any flow may move.
    const bool all = map.size != from_.size || data_half != from_half_;
    Held held = was_under_way ? held_ : Held{}; // to the end of the move: its frames lie with the workers
    MemberSet ask;
    moving_ = all ? map.size : 0;
    const auto may_ask = [&](std::size_t b) { return MemberSet{MemberId{from_.owner[b]}} & means.can_ask; };
    if (all)
        for (std::size_t b = 0; b < from_.size; ++b) ask |= may_ask(b);
    for (std::size_t b = 0; b < map.size; ++b) {
        if (all) {
            if (!ask.empty()) held.set(b);
        } else if (from_.owner[b] != map.owner[b]) {
            ++moving_;
            const MemberSet old = may_ask(b);
            ask |= old;
            if (!old.empty()) held.set(b);
        }
    }
    if (ask.empty() || means.hold == nullptr || map.size == 0) {
        finish();
        return;
    }
    if (!was_under_way) {
        began_ = now;
        if (++id_ == 0) ++id_;
    }
    if (!was_under_way || held != held_ || !(ask - asked_).empty()) phase_ = Phase::spreading;
    held_ = held;
    asked_ = ask;
}

MemberSet FlowMove::workers_follow() {
    if (phase_ != Phase::spreading) return {};
    phase_ = Phase::asking;
    return asked_;
}

void FlowMove::finish() {
    phase_ = Phase::rest;
    if (to_.size == 0) return; // no member sends: frames that may be under way are still those sent before
    from_ = to_;
    from_half_ = to_half_;
}

void FlowMove::fill(Snapshot& out) const {
    out.buckets = to_.size;
    out.bucket = to_.owner;
    out.bucket_mod = FastMod(std::max(to_.size, std::uint32_t{1}));
    if (!under_way()) return;
    out.tx_burst = hold_;
    out.hold = id_;
    for (std::size_t b = 0; b < to_.size; ++b)
        if (held_[b]) out.held[b / 64] |= std::uint64_t{1} << b % 64;
}

} // namespace dpdkbond

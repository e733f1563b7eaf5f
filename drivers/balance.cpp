// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/balance.hpp"

#include <algorithm>

#include "bond/announcer.hpp"
#include "bond/buckets.hpp"
#include "bond/rx_filter.hpp"
#include "bond/snapshot.hpp"

namespace dpdkbond {

BalanceController::BalanceController() {
    static const MembersView none;
    members_ = &none;
}

Decision BalanceController::decide(const ControllerInput& in) {
    Decision d;
    d.active = select_active(
        {in.members, in.current_active, in.primary, in.options.primary_reselect, in.primary_is_new});
    MemberSet all;
    for (const Candidate& c : in.members) {
        all.add(c.id);
        if (c.up) d.usable.add(c.id);
    }
    d.may_send = d.usable;
    d.may_receive = in.options.all_slaves_active ? all : receivers(d, all);
    return d;
}

void BalanceController::arrange(const Arrangement& a) {
    const bool moved = a.active != active_;
    members_ = &a.members;
    active_ = a.active;
    bond_mac_ = a.bond;
    FixedVec<BalancedMember, kMaxMembers> senders;
    for (const Candidate& m : a.members)
        if (m.up) senders.push_back({m.id, m.speed_mbps});
    (void)load_.set_members({senders.begin(), senders.size()}, active_);
    redrawn_ = true; // even if no bucket moved: the MACs depend on the active member too
    if (moved && active_ != kNoMember) learn(a.now);
}

void BalanceController::save(Saved& out) const {
    out.put("active", unsigned{active_.value});
    out.put("next_learning", next_learning_);
    load_.save(out.add("load"));
}

void BalanceController::restore(const Saved& saved, Time) {
    active_ = MemberId{saved.number<std::uint8_t>("active", kNoMember.value)};
    next_learning_ = saved.time("next_learning", kNever);
    if (const Saved* load = saved.find("load")) load_.restore(*load);
}

void BalanceController::set_options(const BondOptions& options, Time now) {
    const bool was_dynamic = options_.tlb_dynamic_lb, sooner = options.lp_interval < options_.lp_interval;
    options_ = options;
    if (!was_dynamic && dynamic()) load_.forget_load();
    if (dynamic() && next_load_ == kNever) next_load_ = now + LoadTable::kTick;
    if (!dynamic()) next_load_ = kNever;
    if (sooner && next_learning_ != kNever) next_learning_ = now;
    redrawn_ = true;
}

void BalanceController::handle_load(const LoadTotals& totals, Time now) {
    next_load_ = now + LoadTable::kTick;
    redrawn_ |= load_.handle_load(totals, now);
}

void BalanceController::learn(Time now) {
    learning_member_ = learning_tags_ = 0;
    next_learning_ = now + std::chrono::seconds(options_.lp_interval);
}

void BalanceController::handle_timeout(Time now) {
    if (now >= next_load_) next_load_ = now + LoadTable::kTick; // no load was reported
    if (now >= next_learning_) learn(now);
}

Time BalanceController::next_deadline() const { return std::min(next_load_, next_learning_); }

// Linux's: 60 bytes from a MAC of ours to itself, which no switch forwards and every switch learns from.
bool BalanceController::learning_frame(OwnFrame& out) {
    for (; learning_member_ < members().size(); ++learning_member_, learning_tags_ = 0) {
        const Candidate& m = members()[learning_member_];
        if (!m.up || !m.mac.is_valid_unicast() || learning_tags_ >= tags_.size()) continue;
        out = dpdkbond::learning_frame(m.id, m.mac, tags_[learning_tags_++]);
        return true;
    }
    return false;
}

bool BalanceController::poll_transmit(OwnFrame& out) { return learning_frame(out); }

void BalanceController::fill(Snapshot& out) const {
    out.bond_mac = mac_key(bond_mac_);
    for (const Candidate& m : members()) // a ring has none of its own
        out.mac[m.id.value] = mac_key(m.mac.is_zero() ? bond_mac_ : m.mac);
    if (!dynamic()) return;
    if (out.tx_count == 0) { // no member owns a bucket
        out.buckets = 0;
        return;
    }
    out.buckets = kLoadBuckets;
    out.bucket_mod = FastMod(kLoadBuckets);
    for (std::size_t b = 0; b <= kLoadBuckets; ++b) out.bucket[b] = load_.owner(b).value;
}

const LoadTable* load_table_of(const Controller& controller) {
    const auto* balance = dynamic_cast<const BalanceController*>(&controller);
    return balance != nullptr && balance->dynamic() ? &balance->load() : nullptr;
}

} // namespace dpdkbond

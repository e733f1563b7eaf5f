// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/balance.hpp"

#include <algorithm>

#include "bond/announcer.hpp"
#include "bond/buckets.hpp"
#include "bond/rx_filter.hpp"
#include "bond/snapshot.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint32_t bit(MemberId id) { return 1U << id.value; }

} // namespace

BalanceController::Member* BalanceController::find(MemberId id) {
    for (Member& m : members_)
        if (m.id == id) return &m;
    return nullptr;
}

Mac BalanceController::mac_of(const Member& m) const {
    if (m.id == active_) return bond_mac_;
    if (m.mac != bond_mac_) return m.mac;
    const Member* active = find(active_);
    return active != nullptr ? active->mac : m.mac;
}

Decision BalanceController::decide(const ControllerInput& in) {
    Decision d;
    d.active = select_active(
        {in.members, in.current_active, in.primary, in.options.primary_reselect, in.primary_is_new});
    std::uint32_t all = 0;
    for (const Candidate& c : in.members) {
        all |= bit(c.id);
        if (c.up) d.usable |= bit(c.id);
        if (Member* m = find(c.id)) {
            m->up = c.up;
            m->speed_mbps = c.speed_mbps;
        }
    }
    d.may_send = d.usable;
    d.may_receive = in.options.all_slaves_active ? all : receivers(d, all);
    const bool moved = d.active != active_;
    active_ = d.active;
    rearrange(in.now);
    if (moved && active_ != kNoMember) learn(in.now);
    return d;
}

void BalanceController::rearrange(Time now) {
    FixedVec<BalancedMember, kMaxMembers> senders;
    for (const Member& m : members_)
        if (m.up) senders.push_back({m.id, m.speed_mbps});
    (void)load_.set_members({senders.begin(), senders.size()}, active_);
    redrawn_ = true; // even if no bucket moved: the MACs depend on the active member too
    rearranged(now);
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

void BalanceController::set_mac(const Mac& mac, Time now) {
    bond_mac_ = mac;
    rearrange(now);
}

void BalanceController::member_joined(const JoiningMember& m, Time) {
    members_.push_back({.id = m.id, .mac = m.perm_mac});
}

// Only forgets the member. Buckets and neighbours are shared out anew by decide(), which follows: it knows
// which member is active then, and so which MAC each of them wears.
void BalanceController::member_left(MemberId id, Time) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].id != id) continue;
        members_.erase_at(i);
        break;
    }
    if (id == active_) active_ = kNoMember;
    changed_ = true;
}

void BalanceController::set_member_mac(MemberId id, const Mac& mac, Time now) {
    Member* m = find(id);
    if (m == nullptr || m->mac == mac) return;
    m->mac = mac;
    rearrange(now);
}

// Which members are up decide() is told. `up` is false for all of them while the logical interface is down,
// which changes nothing for the members that send.
void BalanceController::handle_link(MemberId id, bool, std::uint32_t speed_mbps, Duplex, Time) {
    const Member* m = find(id);
    changed_ |= m != nullptr && m->speed_mbps != speed_mbps;
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
    for (; learning_member_ < members_.size(); ++learning_member_, learning_tags_ = 0) {
        const Member& m = members_[learning_member_];
        const Mac mac = mac_of(m);
        if (!m.up || !mac.is_valid_unicast() || learning_tags_ >= tags_.size()) continue;
        const VlanTags& tags = tags_[learning_tags_++];
        out = dpdkbond::learning_frame(m.id, mac, tags);
        return true;
    }
    return false;
}

bool BalanceController::poll_transmit(OwnFrame& out) { return learning_frame(out); }

void BalanceController::fill(Snapshot& out) const {
    out.bond_mac = mac_key(bond_mac_);
    for (const Member& m : members_) {
        const Mac mac = mac_of(m);
        out.mac[m.id.value] = mac_key(mac.is_zero() ? bond_mac_ : mac); // a ring has none of its own
    }
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

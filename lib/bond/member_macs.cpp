// SPDX-License-Identifier: BSD-3-Clause
#include "bond/member_macs.hpp"

#include <algorithm>
#include <utility>

#include "base/member_set.hpp"

namespace dpdkbond {

namespace {

// A locally administered address near `like` for which `taken` says no.
template <class F> Mac near(const Mac& like, F taken) {
    Mac mac = like;
    mac.bytes[0] = static_cast<std::uint8_t>((mac.bytes[0] | 2U) & ~1U);
    while (mac.is_zero() || taken(mac)) ++mac.bytes[5];
    return mac;
}

bool accepts_all(MacPolicy policy) { return policy == MacPolicy::swap || policy == MacPolicy::own; }

} // namespace

MemberMacs::Wearer* MemberMacs::find(MemberId id) {
    const auto it = std::ranges::find(wearers_, id, &Wearer::id);
    return it != wearers_.end() ? it : nullptr;
}

Mac MemberMacs::worn_by(MemberId id) const {
    const Wearer* w = const_cast<MemberMacs*>(this)->find(id);
    return w != nullptr ? w->worn : Mac{};
}

const MemberMacs::Wearer* MemberMacs::who_wears(const Mac& mac) const {
    for (const Wearer& w : wearers_)
        if (!w.leaving && w.worn == mac) return &w;
    return nullptr;
}

Mac MemberMacs::unused(const Mac& like) const {
    return near(like, [&](const Mac& mac) {
        return mac == bond_ || std::ranges::any_of(wearers_, [&](const Wearer& w) {
                   return w.worn == mac || w.permanent == mac;
               });
    });
}

Mac MemberMacs::free_for(const Wearer& w) const {
    const bool own = !w.permanent.is_zero() && w.permanent != bond_ && who_wears(w.permanent) == nullptr;
    return own ? w.permanent : unused(w.permanent);
}

void MemberMacs::put_on(Wearer& w, const Mac& mac) {
    if (w.worn == mac) return;
    w.worn = mac;
    ++version_;
}

void MemberMacs::set_policy(MacPolicy policy) {
    if (policy == policy_) return;
    if (accepts_all(policy) != accepts_all(policy_)) ++version_;
    policy_ = policy;
    const auto before = wearers_;
    wearers_.clear();
    for (const Wearer& w : before) {
        const auto mac = to_join(w.permanent);
        wearers_.push_back({w.id, w.permanent, w.worn, w.leaving});
        put_on(wearers_.back(), w.leaving ? w.worn : mac ? mac.value() : unused(w.permanent));
    }
    put_on_active();
}

void MemberMacs::set_bond(const Mac& mac) {
    if (mac == bond_) return;
    bond_ = mac;
    ++version_;
    if (policy_ == MacPolicy::same)
        for (Wearer& w : wearers_) put_on(w, mac);
    if (policy_ != MacPolicy::same) put_on_active();
}

Result<Mac> MemberMacs::to_join(const Mac& permanent) const {
    if (policy_ == MacPolicy::same) return bond_.is_zero() ? permanent : bond_;
    // A member whose permanent MAC is the bond's may wear it as long as no other member does.
    if (policy_ == MacPolicy::active || policy_ == MacPolicy::own || permanent.is_zero() ||
        who_wears(permanent) == nullptr)
        return permanent;
    if (policy_ == MacPolicy::follow) return unused(permanent);
    for (const Wearer& w : wearers_)
        if (!w.leaving && w.permanent.is_valid_unicast() && who_wears(w.permanent) == nullptr)
            return w.permanent;
    return Error{"its address " + permanent.to_string() +
                 " is worn by another member, and no other is free; give it one of its own"};
}

void MemberMacs::join(MemberId id, const Mac& permanent, const Mac& wears) {
    wearers_.push_back({id, permanent, wears, false});
    put_on_active();
}

void MemberMacs::leave(MemberId id) {
    Wearer* w = find(id);
    if (w == nullptr || w->leaving) return;
    w->leaving = true;
    if (id == active_) active_ = kNoMember;
    if (!distinct()) return; // it may keep what it shares with others until it is gone
    // The bond's MAC stays where it is, though the leaving member has it by birth: neighbours know the active
    // member by it.
    const Wearer* other = who_wears(w->permanent);
    if (other != nullptr && !w->permanent.is_zero() && w->permanent != bond_)
        put_on(*find(other->id), w->worn);
    put_on(*w, w->permanent);
}

void MemberMacs::forget(MemberId id) {
    if (id == active_) active_ = kNoMember;
    for (std::size_t i = 0; i < wearers_.size(); ++i) {
        if (wearers_[i].id != id) continue;
        wearers_.erase_at(i);
        return;
    }
}

void MemberMacs::set_active(MemberId id) {
    active_ = id;
    put_on_active();
}

void MemberMacs::put_on_active() {
    Wearer* w = find(active_);
    if (w == nullptr) return;
    if (policy_ == MacPolicy::active && w->permanent.is_valid_unicast()) set_bond(w->permanent);
    if (!distinct() || bond_.is_zero() || w->worn == bond_) return;
    // A member like a ring is given none and has none to give in exchange, but it sends under the bond's.
    const bool has_none = w->permanent.is_zero();
    if (const Wearer* holder = who_wears(bond_))
        put_on(*find(holder->id), has_none ? free_for(*holder) : w->worn);
    if (!has_none) put_on(*w, bond_);
}

MacPlan MemberMacs::plan() const {
    MacPlan p;
    p.version = version_;
    p.bond = bond_;
    p.accept_all = accepts_all(policy_);
    for (const Wearer& w : wearers_) p.members.push_back({w.id, w.worn});
    return p;
}

MacSteps order_mac_steps(std::span<const MacStep> members, const Mac& first) {
    FixedVec<MacStep, kMaxMembers> left;
    for (const MacStep& m : members)
        if (m.wears != m.wants && !m.wants.is_zero()) left.push_back(m);
    MacSteps steps;
    MemberSet parked; // wear a MAC that no member wants
    const auto is_parked = [&](const MacStep& m) { return parked.has(m.id); };
    while (!left.empty()) {
        const auto held = [&](const MacStep& m) {
            return std::ranges::any_of(left,
                                       [&](const MacStep& o) { return o.id != m.id && o.wears == m.wants; });
        };
        auto next = std::ranges::find_if_not(left, held);
        if (next == left.end()) { // a ring; or several share what one wants: then there is no order
            next = std::ranges::find_if(left,
                                        [&](const MacStep& m) { return m.wears == first && !is_parked(m); });
            if (next == left.end()) next = std::ranges::find_if_not(left, is_parked);
            if (next != left.end()) {
                parked.add(next->id);
                next->wears = near(next->wears, [&](const Mac& mac) {
                    return std::ranges::any_of(
                        members, [&](const MacStep& m) { return m.wears == mac || m.wants == mac; });
                });
                steps.push_back({next->id, next->wears});
                continue;
            }
            next = left.begin();
        }
        steps.push_back({next->id, next->wants});
        left.erase_at(static_cast<std::size_t>(next - left.begin()));
    }
    return steps;
}

} // namespace dpdkbond

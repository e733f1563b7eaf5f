// SPDX-License-Identifier: BSD-3-Clause
#include "ports/mac_keeper.hpp"

#include <algorithm>

#include "dpdk/clock.hpp"

namespace dpdkbond {

void MacKeeper::add(MemberPort& member) {
    const std::lock_guard lock(mutex_);
    members_.push_back(&member);
}

void MacKeeper::remove(MemberPort& member) {
    const std::lock_guard lock(mutex_);
    std::erase(members_, &member);
}

void MacKeeper::warn(MemberId member, const std::string& what) {
    control_.call([&] { bond_.note(EventKind::warning, member, what, now()); });
}

Result<void> MacKeeper::apply() {
    const std::lock_guard lock(mutex_);
    MacPlan plan;
    control_.call([&] { plan = bond_.mac_plan(); });

    const auto port_of = [&](MemberId id) {
        const auto it = std::ranges::find(members_, id, [](const MemberPort* m) { return m->id; });
        return it != members_.end() ? *it : nullptr;
    };
    FixedVec<MacStep, kMaxMembers> wanted;
    for (const MemberMac& m : plan.members)
        if (const MemberPort* member = port_of(m.id)) wanted.push_back({m.id, member->mac(), m.mac});
    for (const MemberMac& step : order_mac_steps({wanted.begin(), wanted.size()}, plan.bond))
        if (const auto warning = port_of(step.id)->wear_mac(step.mac)) warn(step.id, *warning);

    FixedVec<Mac, kMaxMembers> all;
    if (plan.accept_all)
        for (const MemberMac& m : plan.members) all.push_back(m.mac);
    for (MemberPort* member : members_)
        for (const std::string& what : member->accept_also({all.begin(), all.size()})) warn(member->id, what);

    Result<void> done;
    if (logical_.in_kernel() && !plan.bond.is_zero() && plan.bond != logical_.mac()) {
        done = logical_.set_mac(plan.bond);
        if (!done) warn(kNoMember, done.error());
    }
    control_.call([&] { bond_.macs_applied(plan.version, now()); });
    return done;
}

} // namespace dpdkbond

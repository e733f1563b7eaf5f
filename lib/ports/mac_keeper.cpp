// SPDX-License-Identifier: BSD-3-Clause
#include "ports/mac_keeper.hpp"

#include "dpdk/clock.hpp"
#include "engine/wear_macs.hpp"

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

    wear_macs(plan, members_, [this](MemberId member, const std::string& what) { warn(member, what); });

    Result<void> done;
    if (logical_.in_kernel() && !plan.bond.is_zero() && plan.bond != logical_.mac()) {
        done = logical_.set_mac(plan.bond);
        if (!done) warn(kNoMember, done.error());
    }
    control_.call([&] { bond_.macs_applied(plan.version, now()); });
    return done;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "config/carry_out.hpp"

namespace dpdkbond {

namespace {

// All that can be had while what runs still has its devices.
Result<void> prepare(const ReloadPlan& plan, ReloadSteps& steps) {
    for (const NewBond& b : plan.new_bonds)
        if (b.devices_are_free)
            if (auto done = steps.make_bond(b); !done) return done;
    for (const BondPlan& b : plan.bonds)
        for (const Joining& j : b.joining)
            if (j.device_is_free && !j.was_waiting)
                if (auto done = steps.open_member(b.bond, j); !done) return done;
    return {};
}

} // namespace

Result<std::vector<std::string>> carry_out(const ReloadPlan& plan, std::span<const BondConfig> wanted,
                                           ReloadSteps& steps) {
    if (auto done = prepare(plan, steps); !done) {
        steps.forget_prepared();
        return Error{done.error()};
    }
    std::vector<std::string> failed;
    const auto keep = [&](const Result<void>& done) {
        if (!done) failed.push_back(done.error());
    };
    // Everybody leaves before anybody joins: a device or a MAC may go from one bond to another.
    for (const std::string& b : plan.bonds_leaving) steps.remove_bond(b);
    for (const BondPlan& b : plan.bonds)
        for (const std::string& m : b.leaving) steps.remove_member(b.bond, m);
    for (const BondPlan& b : plan.bonds)
        if (const BondConfig* config = find_bond(wanted, b.bond)) keep(steps.change(b, *config));
    for (const BondPlan& b : plan.bonds) {
        for (const MemberConfig& m : b.still_waiting) steps.keep_waiting(b.bond, m);
        for (const Joining& j : b.joining) keep(steps.join(b.bond, j));
    }
    for (const NewBond& b : plan.new_bonds) keep(steps.serve(b));
    return failed;
}

} // namespace dpdkbond

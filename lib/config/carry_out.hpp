// SPDX-License-Identifier: BSD-3-Clause
// The order in which a reload's plan is carried out. What it takes to do a step is the caller's.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/plan.hpp"

namespace dpdkbond {

// Each returns an error of one line that names bond and member.
class ReloadSteps {
public:
    virtual ~ReloadSteps() = default;

    // ---- before anything is changed: an error refuses the reload, and then forget_prepared() is called
    virtual Result<void> open_member(const std::string& bond, const Joining& member) = 0; // it does not join
    virtual Result<void> make_bond(const NewBond& bond) = 0;                              // it does not serve
    virtual void forget_prepared() = 0;

    // ---- then
    virtual void remove_bond(const std::string& bond) = 0;
    virtual void remove_member(const std::string& bond, const std::string& member) = 0;
    // Options of bond and members, and what the file says of the logical interface.
    virtual Result<void> change(const BondPlan& plan, const BondConfig& wanted) = 0;
    virtual Result<void> join(const std::string& bond, const Joining& member) = 0; // opens it if need be
    virtual Result<void> serve(const NewBond& bond) = 0;                           // makes it if need be
    // Not there yet, and no failure either: it stays wanted.
    virtual void keep_waiting(const std::string& bond, const MemberConfig& member) = 0;
};

// An error: refused, nothing has been changed. Else what has failed while everything else was done.
Result<std::vector<std::string>> carry_out(const ReloadPlan& plan, std::span<const BondConfig> wanted,
                                           ReloadSteps& steps);

} // namespace dpdkbond

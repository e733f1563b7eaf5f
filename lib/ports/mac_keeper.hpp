// SPDX-License-Identifier: BSD-3-Clause
// Puts on a bond's devices the MACs that its core has chosen. Ordinary threads, any of them: the host thread
// when the active member has changed, the others when members come and go. Setting a MAC may wait for the
// kernel; control does not wait for it.
#pragma once

#include <mutex>
#include <vector>

#include "engine/control.hpp"
#include "ports/logical_port.hpp"
#include "ports/member_port.hpp"

namespace dpdkbond {

class MacKeeper {
public:
    MacKeeper(Control& control, Bond& bond, LogicalPort& logical)
        : control_(control), bond_(bond), logical_(logical) {}

    void add(MemberPort& member);    // it has joined
    void remove(MemberPort& member); // before it is closed
    // What the bond's plan wants and the devices do not show yet, then tells the bond. A member that cannot
    // receives everything instead; that is an event, and so is the error: the logical interface's.
    Result<void> apply();

private:
    void warn(MemberId member, const std::string& what);

    Control& control_;
    Bond& bond_; // owner: control
    LogicalPort& logical_;
    std::mutex mutex_; // guards what follows, and what the devices wear; held while they are told
    std::vector<MemberPort*> members_;
};

} // namespace dpdkbond

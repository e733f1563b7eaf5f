// SPDX-License-Identifier: BSD-3-Clause
// The control half of the modes that use every member that is up: balance-rr, balance-xor, broadcast.
#pragma once

#include "bond/controller.hpp"

namespace dpdkbond {

class SpreadController final : public Controller {
public:
    explicit SpreadController(bool all_send_all = false) : all_send_all_(all_send_all) {}
    Decision decide(const ControllerInput& in) override {
        Decision d;
        d.all_send_all = all_send_all_;
        for (const Candidate& c : in.members) {
            if (!c.up) continue;
            d.may_send.add(c.id);
            // Frames that need a single member (balance-rr's IGMP) leave by the first; it stays while it is
            // up.
            if (d.active == kNoMember || c.id == in.current_active) d.active = c.id;
        }
        d.usable = d.may_send;
        // Linux hands up what a member receives whether its watcher calls it up or not, as long as it is not
        // inactive; in these modes no member is.
        for (const Candidate& c : in.members) d.may_receive.add(c.id);
        return d;
    }

private:
    bool all_send_all_;
};

} // namespace dpdkbond

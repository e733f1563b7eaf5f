// SPDX-License-Identifier: BSD-3-Clause
// Mode 1, active-backup: one member carries everything; the others wait in silence and what they receive is
// dropped, so that a switch sees the bond's MAC on one port only.
#include "bond/select_active.hpp"
#include "datapath/tx_engine.hpp"
#include "drivers/registry.hpp"

namespace dpdkbond {

namespace {

struct ActiveOnly {
    static constexpr bool single = true;
};

class ActiveBackupController final : public Controller {
public:
    Decision decide(const ControllerInput& in) override {
        Decision d;
        d.active = select_active(
            {in.members, in.current_active, in.primary, in.options.primary_reselect, in.primary_is_new});
        d.may_send = {d.active};
        d.may_receive = d.may_send;
        for (const Candidate& c : in.members)
            if (c.up) d.usable.add(c.id);
        if (in.options.all_slaves_active)
            for (const Candidate& c : in.members) d.may_receive.add(c.id);
        return d;
    }
    [[nodiscard]] MacPolicy mac_policy(const BondOptions& options) const override {
        switch (options.fail_over_mac) {
        case FailOverMac::active: return MacPolicy::active;
        case FailOverMac::follow: return MacPolicy::follow;
        case FailOverMac::none: break;
        }
        return MacPolicy::same;
    }
    [[nodiscard]] bool announces() const override { return true; }
    [[nodiscard]] bool has_active() const override { return true; }
};

} // namespace

const ModeDescriptor active_backup_mode{
    .number = Mode::active_backup,
    .data_half = [](const BondOptions&) -> TxBurstFn { return tx_burst<ActiveOnly>; },
    .control_half = []() -> std::unique_ptr<Controller> {
        return std::make_unique<ActiveBackupController>();
    },
    .hashes = false,
};

} // namespace dpdkbond

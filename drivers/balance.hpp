// SPDX-License-Identifier: BSD-3-Clause
// What balance-tlb and balance-alb have in common in their control halves: an active member, which wears the
// bond's MAC while the others wear their own; buckets that go where load says; learning frames.
#pragma once

#include <memory>
#include <utility>

#include "balance/load_table.hpp"
#include "balance/rlb.hpp"
#include "bond/controller.hpp"

namespace dpdkbond {

class BalanceController : public Controller {
public:
    BalanceController();
    Decision decide(const ControllerInput& in) override;
    void arrange(const Arrangement& a) override;
    [[nodiscard]] bool has_active() const override { return true; }
    [[nodiscard]] MacPolicy mac_policy(const BondOptions&) const override { return MacPolicy::swap; }

    void save(Saved& out) const override;
    void restore(const Saved& saved, Time now) override;

    void set_options(const BondOptions& options, Time now) override;
    void set_addresses(const LocalAddresses& addresses) override { tags_ = tag_sets(addresses); }
    void handle_timeout(Time now) override;
    [[nodiscard]] bool wants_load(Time now) const override {
        return options_.tlb_dynamic_lb && now >= next_load_;
    }
    void handle_load(const LoadTotals& totals, Time now) override;

    [[nodiscard]] Time next_deadline() const override;
    bool poll_transmit(OwnFrame& out) override;
    void fill(Snapshot& out) const override;
    bool take_redrawn() override { return std::exchange(redrawn_, false); }

    [[nodiscard]] const LoadTable& load() const { return load_; }
    [[nodiscard]] const BondOptions& options() const { return options_; }
    [[nodiscard]] bool dynamic() const { return options_.tlb_dynamic_lb; }

protected:
    // Whose frames go up, of `all`.
    [[nodiscard]] virtual MemberSet receivers(const Decision& d, MemberSet all) const = 0;
    void learn(Time now); // tells the switch now where all MACs are, and again every lp_interval
    [[nodiscard]] const MembersView& members() const { return *members_; }

    MemberId active_ = kNoMember;
    Mac bond_mac_{};
    BondOptions options_;
    TagSets tags_; // of our frames
    bool redrawn_ = false;

private:
    bool learning_frame(OwnFrame& out);

    const MembersView* members_; // the bond's
    LoadTable load_;
    Time next_load_ = kNever;
    Time next_learning_ = kNever;
    // Learning frames of the present round: which member's and which tags' is next.
    std::size_t learning_member_ = kMaxMembers, learning_tags_ = 0;
};

// nullptr: another mode's controller, or one that does not balance by load now. On control only.
const LoadTable* load_table_of(const Controller& controller);
const Rlb* rlb_of(const Controller& controller);

class ModeQueries;
std::unique_ptr<ModeQueries> balance_queries(); // of both modes (balance_queries.cpp)

} // namespace dpdkbond

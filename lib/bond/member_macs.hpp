// SPDX-License-Identifier: BSD-3-Clause
// Which MAC address each member wears, and with it the bond's own. What is decided here the shell carries out
// on the devices, by the steps of order_mac_steps(), and says so. Owner: the control lcore; no allocation
// except in errors and when a mode's policy changes.
#pragma once

#include <cstdint>
#include <span>

#include "base/fixed_vec.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"
#include "base/strong_id.hpp"

namespace dpdkbond {

enum class MacPolicy : std::uint8_t {
    same,   // all members wear the bond's
    active, // each keeps its own; the bond's is the active member's (fail_over_mac active)
    follow, // the active member wears the bond's, the others one of their own (fail_over_mac follow)
    swap,   // likewise, and each is told from the others by it (balance-tlb, balance-alb)
    own,    // each keeps its own; the bond's stays, and is on no wire unless it is a member's (balance-spray)
};

struct MemberMac {
    MemberId id{};
    Mac mac{}; // zero: it has none, and none is given to it
};

// What the devices should show. Any later version replaces an earlier one as a whole.
struct MacPlan {
    std::uint64_t version = 0;
    Mac bond{}; // zero: not known yet
    FixedVec<MemberMac, kMaxMembers> members;
    bool accept_all =
        false; // each device also takes frames to the others' MACs: they may change hands at once
};

class MemberMacs {
public:
    void set_policy(MacPolicy policy);
    void set_bond(const Mac& mac); // by the operator, or lent by the first member
    // What a member with this permanent MAC would wear. An error: policy `swap` finds none that is free.
    // Linux: a MAC in use is replaced by a free permanent one of another member (balance-alb) or by one made
    // up (fail_over_mac follow); elsewhere members may share one.
    [[nodiscard]] Result<Mac> to_join(const Mac& permanent) const;
    void join(MemberId id, const Mac& permanent, const Mac& wears); // wears it already, as to_join() said
    // It is about to go and gets its permanent MAC back; whoever wears that takes the one it gives up.
    void leave(MemberId id);
    void forget(MemberId id);     // it is gone
    void set_active(MemberId id); // kNoMember: none is; everybody keeps what he wears

    [[nodiscard]] const Mac& bond() const { return bond_; }
    // Members are told from one another by their MACs, and exchange them.
    [[nodiscard]] bool distinct() const { return policy_ == MacPolicy::follow || policy_ == MacPolicy::swap; }
    [[nodiscard]] Mac worn_by(MemberId id) const; // zero: none, or no such member
    [[nodiscard]] MacPlan plan() const;
    [[nodiscard]] std::uint64_t version() const { return version_; } // of the plan

    // ---- the shell: everything of that version is on the devices, or will not go there
    void applied(std::uint64_t version) { applied_ = version; }
    [[nodiscard]] bool pending() const { return applied_ != version_; }

private:
    struct Wearer {
        MemberId id{};
        Mac permanent{}, worn{};
        bool leaving = false;
    };
    Wearer* find(MemberId id);
    [[nodiscard]] const Wearer* who_wears(const Mac& mac) const; // of those that stay
    [[nodiscard]] Mac unused(const Mac& like) const;
    [[nodiscard]] Mac free_for(const Wearer& w) const; // its own, else one made up
    void put_on(Wearer& w, const Mac& mac);
    void put_on_active();

    MacPolicy policy_ = MacPolicy::same;
    Mac bond_{};
    MemberId active_ = kNoMember;
    FixedVec<Wearer, kMaxMembers> wearers_;
    std::uint64_t version_ = 0, applied_ = 0;
};

struct MacStep {
    MemberId id{};
    Mac wears{}; // now, and …
    Mac wants{}; // … in the end; zero: leave it alone
};

// The order in which to give the members what they want so that at no time two wear one MAC (but for those
// that share it anyway): what a member wants is taken from the other first. A ring of them is opened by
// giving one, `first`'s holder if it is among them, a MAC of no member meanwhile.
using MacSteps = FixedVec<MemberMac, 2 * kMaxMembers>;
MacSteps order_mac_steps(std::span<const MacStep> members, const Mac& first);

} // namespace dpdkbond

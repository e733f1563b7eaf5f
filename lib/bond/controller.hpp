// SPDX-License-Identifier: BSD-3-Clause
// The control half of a mode: from the members' present state, which of them send, which receive, which is
// active. A mode that speaks a protocol of its own overrides the inputs and outputs below; the bond hands
// everything on and, after each input, polls what came of it. Owner: the control lcore.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/mac.hpp"
#include "base/saved.hpp"
#include "base/time.hpp"
#include "bond/events.hpp"
#include "bond/flow_move.hpp"
#include "bond/load.hpp"
#include "bond/local_address.hpp"
#include "bond/member_macs.hpp"
#include "bond/select_active.hpp"
#include "options/options.hpp"

namespace dpdkbond {

struct Snapshot;

struct ControllerInput {
    std::span<const Candidate> members; // in the order in which they joined
    const BondOptions& options;
    MemberId current_active = kNoMember;
    MemberId primary = kNoMember;
    bool primary_is_new = false;
    Time now{};
};

struct Decision {
    MemberId active = kNoMember;
    MemberSet usable;   // could send, were it chosen
    MemberSet may_send; // of these
    MemberSet may_receive;
    bool all_send_all = false;     // each of them sends every frame
    std::optional<bool> carrier{}; // of the bond; nullopt: it has one while a member may send
};

// What a decision comes to: the active member as the bond took it, and the MACs that follow from it.
struct Arrangement {
    const MembersView& members; // stays where it is, and is up to date at any later time
    MemberId active = kNoMember;
    Mac bond{};
    Time now{};
};

struct OwnFrame { // one that control sends by a member
    MemberId member{};
    std::uint16_t length = 0;
    std::array<std::uint8_t, 128> frame{};
};

struct ControllerEvent {
    Time at{};
    EventKind kind{};
    MemberId member = kNoMember; // kNoMember: the bond as a whole
    FixedString<127> detail;
};

struct JoiningMember {
    MemberId id{};
    Mac perm_mac{}; // zero: it has none
    const MemberOptions& options;
    std::string_view name{};
};

class Controller {
public:
    virtual ~Controller() = default;
    virtual Decision decide(const ControllerInput& in) = 0;
    // After decide(), once it is clear which MAC each member wears, and whenever that changes: what the mode
    // draws and tells of its own.
    virtual void arrange(const Arrangement&) {}
    // The active member is the one that the bond's addresses are reached by: a change of it is announced to
    // the neighbours (gratuitous ARP, unsolicited NA), with the MAC that the policy `own` has on it, else
    // with the bond's.
    [[nodiscard]] virtual bool announces() const { return false; }
    // A member that begins to send is announced, by every member that sends.
    [[nodiscard]] virtual bool announces_members() const { return false; }
    // The mode has an active member that an operator may name (Linux: primary, active_slave).
    [[nodiscard]] virtual bool has_active() const { return false; }

    // How long the mode may take after it was chosen until it knows which members may send. Until then the
    // bond continues as in the mode before.
    [[nodiscard]] virtual Duration start_up(const BondOptions&) const { return {}; }

    // Which MAC a member wears in this mode with these options.
    [[nodiscard]] virtual MacPolicy mac_policy(const BondOptions&) const { return MacPolicy::same; }

    // ---- a warm restart: what the mode's state is, and how another controller of the same mode carries on
    // with it. restore() comes before the first member, whose number is what it was; resume() once all are
    // there.
    virtual void save(Saved&) const {}
    virtual void restore(const Saved&, Time) {}
    virtual void resume(Time) {}
    // The instance is about to leave warm: what makes partners wait as long as they can. Before save().
    virtual void speak_before_leaving(Time) {}

    // ---- inputs. Options and MAC come before the first member, a member before its link.
    virtual void set_options(const BondOptions&, Time) {}
    virtual void set_mac(const Mac&, Time) {}
    virtual void member_joined(const JoiningMember&, Time) {}
    virtual void member_left(MemberId, Time) {}
    // The bond changes to another mode, in which its addresses are reached at this MAC: the last words of the
    // present one, to partners and neighbours, are among the frames to transmit then. Nothing else is called
    // afterwards.
    virtual void farewell(const Mac&, Time) {}
    virtual void set_member_options(MemberId, const MemberOptions&, Time) {}
    // `up`: the verdict of its watchers, after their delays. Speed 0: unknown.
    virtual void handle_link(MemberId, bool /*up*/, std::uint32_t /*speed_mbps*/, Duplex, Time) {}
    // A frame that the data half gave to control (ModeDescriptor::punt); of kNoMember: one of the logical
    // interface's, which is the controller's to send.
    virtual void handle_frame(MemberId, Bytes, Time) {}
    virtual void handle_timeout(Time) {} // spurious calls are no-ops
    // What the workers have counted, if it says that it wants that now. Before handle_timeout().
    [[nodiscard]] virtual bool wants_load(Time) const { return false; }
    virtual void handle_load(const LoadTotals&, Time) {}
    // The addresses that are reached through the bond, and by which tags.
    virtual void set_addresses(const LocalAddresses&) {}

    // ---- outputs
    [[nodiscard]] virtual Time next_deadline() const { return kNever; }
    virtual bool poll_transmit(OwnFrame&) { return false; }
    [[nodiscard]] virtual std::uint64_t frames_lost() const { return 0; } // for which there was no room
    virtual bool poll_event(ControllerEvent&) { return false; }
    // Moving flows from members that still work, in order (FlowMove); most modes cannot and move them at
    // once.
    [[nodiscard]] virtual FlowMeans flow_means() const { return {}; }
    // Asks the far end of the members whether all that was sent by them has arrived; until `deadline` at
    // most.
    virtual void ask_arrival(MemberSet /*members*/, Time /*deadline*/, Time) {}
    [[nodiscard]] virtual bool all_arrived() const { return true; } // of what was last asked; or none can say
    // Why the mode does not use a member that its watchers find up, in words; empty: the mode has no reason.
    [[nodiscard]] virtual FixedString<127> why_unused(MemberId) const { return {}; }
    // True when decide() may answer otherwise than at the last call of this.
    virtual bool take_changed() { return false; }
    // What workers need beyond what follows from the decision.
    virtual void fill(Snapshot&) const {}
    // True when fill() may say otherwise than at the last call of this.
    virtual bool take_redrawn() { return false; }
};

} // namespace dpdkbond

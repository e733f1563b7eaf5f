// SPDX-License-Identifier: BSD-3-Clause
// A bond below DPDK, sans-IO: link states, commands and time go in; a snapshot, events, frames to send and a
// status come out. It knows no mode: its Controller does. Owner: the control lcore. Texts of events and of
// the status, options and addresses may allocate; snapshots and frames do not.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/fixed_vec.hpp"
#include "base/ip.hpp"
#include "base/result.hpp"
#include "base/saved.hpp"
#include "base/time.hpp"
#include "bond/announcer.hpp"
#include "bond/controller.hpp"
#include "bond/events.hpp"
#include "bond/flow_move.hpp"
#include "bond/local_address.hpp"
#include "bond/prober.hpp"
#include "bond/snapshot.hpp"
#include "bond/status.hpp"
#include "bond/wanted.hpp"
#include "monitor/damping.hpp"
#include "monitor/link.hpp"

namespace dpdkbond {

struct LinkState {
    bool carrier = false;
    std::uint32_t speed_mbps = 0; // 0: unknown
    Duplex duplex = Duplex::unknown;
    bool set_down = false;  // no carrier, as its netdev is administratively down
    bool no_source = false; // … as the netdev that `carrier:` names is not there
    bool operator==(const LinkState&) const = default;
};

struct MemberInfo {
    FixedString<63> name;
    FixedString<127> device;
    Mac perm_mac{};
    MemberOptions options{};
    SnapshotMember data{};           // what workers need to reach it
    NicLimits nic{};                 // … and, where is_nic(data.offloads), to leave work to it
    int ifindex = 0;                 // of the netdev below; 0: there is none, or none of this kernel
    std::uint32_t link_failures = 0; // that it had when it was a member before
};

// The mode-dependent parts; both outlive the bond's use of them.
struct ModeParts {
    Mode mode = Mode::balance_rr;
    Controller* controller = nullptr;
    TxBurstFn tx_burst = nullptr;
    PuntFn punt = nullptr;
    PuntFn punt_neighbors = nullptr; // in place of it while a monitor listens to ARP and ND
};

// Frames of control's own that did not leave, since the start.
struct LostFrames {
    std::uint64_t no_member = 0; // there was none to send it by
    std::uint64_t no_room = 0;   // more were waiting than there is room for
};

// Why a bond with this mode and these members cannot carry on with what was saved, in words; empty: it can.
std::string why_cold(const Saved& bond, Mode mode, std::span<const MemberInfo> members);

class Bond {
public:
    Bond(std::string_view name, ModeParts mode, const BondOptions& options, std::optional<Mac> mac,
         std::uint32_t mtu);
    Bond(const Bond&) = delete; // its controller looks at its members
    Bond& operator=(const Bond&) = delete;

    // ---- inputs. Each records what it was told, then settles: decides anew, announces, raises events.
    Result<MemberId> add_member(const MemberInfo& info, LinkState link, Time now,
                                MemberId before = kNoMember); // full: error
    void remove_member(MemberId id, Time now);
    // The member is about to leave. It is not used any more, but workers still serve its port, so that the
    // mode's farewell (LACP's last PDU) leaves by it. remove_member() follows.
    void dismiss_member(MemberId id, Time now);
    // The bond is about to end: all of them at once, so that none takes over from another and nobody is told
    // that one had: a switch would send what is for the next start to a member that is none then.
    void dismiss_all(Time now);
    void handle_link(MemberId id, LinkState link, Time now); // repeats are no-ops
    void handle_frame(MemberId id, Bytes frame, Time now);   // one that was given to control
    void handle_timeout(Time now);                           // spurious calls are no-ops
    // What the workers have counted up to now, when it says that it wants that; before handle_timeout().
    [[nodiscard]] bool wants_load(Time now) const { return mode_.controller->wants_load(now); }
    void handle_load(const LoadTotals& totals, Time now);
    // Every worker uses the last snapshot that was filled, so a move of flows may continue
    // (awaits_workers()).
    void handle_published(Time now);
    bool set_link_admin(MemberId id, bool up, Time now);        // false: it is so already
    Result<void> set_active(std::string_view member, Time now); // empty: let the rules choose
    // `named`: the option that an operator has set, whether its value is another or not.
    void set_options(const BondOptions& options, TxBurstFn tx_burst, Time now, std::string_view named = {});
    void set_member_options(MemberId id, const MemberOptions& options, Time now);
    void set_mode(ModeParts mode, const BondOptions& options, Time now);
    void set_addresses(const LocalAddresses& addresses) {
        addresses_ = addresses;
        mode_.controller->set_addresses(addresses);
        prober_.set_addresses(addresses);
    }
    // What a member's lanes have counted so far; due before handle_timeout() when wants_traffic() says so.
    [[nodiscard]] bool wants_traffic(Time now) const { return now >= prober_.monitor().next_deadline(); }
    void handle_traffic(MemberId id, const MemberTraffic& traffic, Time now) {
        prober_.monitor().handle_traffic(id, traffic, now);
    }
    // What of the received frames the logical interface wants. While it is down nothing goes up, control
    // hears nothing and what it would say is not sent.
    void set_filter(const RxFilter& filter, Time now);
    void set_sorts_itself(MemberId id, bool yes); // SnapshotMember::sorts_itself
    void set_mac(const Mac& mac, Time now);
    // The devices show what plan `version` said, as far as they can. The bond has been waiting for it with
    // its announcements.
    void macs_applied(std::uint64_t version, Time now);
    void set_mtu(std::uint32_t mtu, Time now);
    // Until then, or until options or mode change, frames go through `by`, which counts them by bucket and
    // sends them by Snapshot::counted. nullptr: no more.
    void count_flows(TxBurstFn by, Time until);
    // What the workers saw of the last failover (failover()).
    void handle_gap(const FailoverGap& gap, Time now);
    void note(EventKind kind, MemberId member, std::string_view detail, Time now); // an event from outside

    // ---- a warm restart. restore() comes before the first member: from then on members that were there
    // before join as what they were, and the bond decides and says nothing until resume().
    void save(Saved& out) const;
    void restore(const Saved& saved, Time now);
    void resume(Time now);
    void speak_before_leaving(Time now); // save() follows

    // ---- outputs
    [[nodiscard]] Time next_deadline() const;
    using Transmit = OwnFrame;
    bool poll_transmit(Transmit& out); // true: one frame to put on that member's wire
    [[nodiscard]] LostFrames frames_lost() const {
        return {lost_.no_member, lost_.no_room + mode_.controller->frames_lost()};
    }
    bool poll_event(Event& out);
    // True when what workers or readers should see has changed since the last call.
    bool take_changed() { return std::exchange(changed_, false); }
    // Events that found no room since the start. What must not be lost is in wanted().
    [[nodiscard]] std::uint64_t events_lost() const { return events_lost_; }
    // What the devices are to show. A new version of the MAC plan is followed by macs_applied(). Each new
    // wish for reports is followed by send_by_active().
    [[nodiscard]] Wanted wanted() const;
    // Reports of multicast memberships (resend_igmp), as the ordinary threads know them, each to be sent by
    // the active member; refused while there is none. Returns how many there was room for.
    std::size_t send_by_active(std::span<const OwnFrame> frames);
    [[nodiscard]] MacPlan mac_plan() const { return macs_.plan(); }
    // What a member with this permanent MAC has to wear before add_member(); an error: it cannot join.
    [[nodiscard]] Result<Mac> mac_to_join(const Mac& permanent, std::string_view name = {}) const;
    void fill(Snapshot& out) const;
    void fill(BondStatus& out) const; // all but the logical interface's fields

    [[nodiscard]] bool awaits_workers() const { return move_.awaits_workers(); } // for handle_published()
    // Linux: that of the members that may send, together; of the slowest where each sends every frame. 0: not
    // known of any.
    [[nodiscard]] std::uint32_t speed_mbps() const;
    [[nodiscard]] const FailoverMove& failover() const { return failover_; } // the last one
    [[nodiscard]] bool link_up() const { return link_up_; }
    [[nodiscard]] const Mac& mac() const { return mac_; }
    [[nodiscard]] MemberId find(std::string_view member) const; // kNoMember: none of that name
    [[nodiscard]] MemberId active() const { return active_; }
    [[nodiscard]] MemberSet usable() const { return decision_.usable; }
    [[nodiscard]] bool has_member(MemberId id) const;

private:
    struct Member {
        MemberId id{};
        MemberInfo info;
        LinkState link;
        LinkMonitor monitor;
        bool admin_down = false;
        bool dismissed = false;
        bool was_alive = false;          // … but for having been lost too often
        bool was_up = false;             // the verdict when it was last told
        WatcherSet objecting;            // the watchers that objected then
        MiiStatus mii = MiiStatus::down; // … and the status
        bool has_sent = false;           // it has been among those that may send since it joined
        FixedString<127> last_objection; // in words, of the last time that it went down
        FlapDamping damping;
        bool held_out = false; // as it was lost too often
        bool was_usable = false;
        Time usable_since{}; // … or not
        std::uint32_t link_failures = 0;
        std::optional<LinkState> told; // the controller: the verdict as carrier, and what goes with it
        Mac shown{};                   // what its device wears
    };
    Member* member(MemberId id);
    [[nodiscard]] const Member* member(MemberId id) const;
    [[nodiscard]] bool is_up(const Member& m) const { return !m.dismissed && objections(m).empty(); }
    [[nodiscard]] WatcherSet objections(const Member& m) const;
    [[nodiscard]] WatcherSet watching() const;
    [[nodiscard]] static std::string_view carrier_words(const Member& m);
    [[nodiscard]] std::string describe(const Member& m, WatcherSet set) const;
    [[nodiscard]] MiiStatus mii(const Member& m) const;
    [[nodiscard]] DampingRules damping_rules() const;
    [[nodiscard]] LinkMonitor::Delays delays() const;
    [[nodiscard]] bool monitored() const { return options_.miimon != 0 || options_.arp_interval != 0; }
    void settle(Time now);
    [[nodiscard]] const Saved* known(std::string_view name) const;
    [[nodiscard]] MemberId free_id(std::string_view name) const;
    void resume_member(Member& m, const Saved& s);
    void hold_out_flapping(Time now);
    void note_health(Time now);
    [[nodiscard]] std::string_view unwatched() const; // why a lost path would not be seen; empty: it is
    void warn_if_unwatched(std::string_view before, Time now);
    [[nodiscard]] static std::string_view return_words(const Member& m);
    void tell_link(Member& m, Time now);
    void join_controller(Time now);
    void hear_controller();
    bool report_verdicts(Time now); // true: a member was lost
    void decide(Time now);
    void carry_on(Decision& next, std::span<const Candidate> members, Time now);
    void plan_move(Time now);
    void end_move(Time now);
    void note_failover(MemberSet before, MemberSet after);
    void become_active(MemberId id, Time now);
    void start_reports(Time now); // of multicast memberships (resend_igmp), by the active member
    [[nodiscard]] MemberSet announcers() const;
    void dismiss(Member& m, Time now);
    void follow_macs(Time now);
    void show_mac(Member& m);
    void look_at_members();
    void arrange(Time now);
    [[nodiscard]] Mac announced_mac(MacPolicy policy) const;
    bool next_frame(OwnFrame& out);
    bool queue(const OwnFrame& frame); // false: there is no room, which is counted
    void raise(EventKind kind, const Member* m, std::string_view detail, Time now);

    FixedString<15> name_;
    ModeParts mode_;
    BondOptions options_;
    MemberMacs macs_;
    Mac mac_{}; // as macs_ has it, once that was told; zero until a member lends one
    std::uint32_t mtu_;
    RxFilter filter_;                       // open until told otherwise
    FixedVec<Member, kMaxMembers> members_; // in the order of the configuration, as far as it is told
    MembersView view_;                      // of them, for the mode
    std::uint64_t arranged_ = 0;            // version of the MACs that the mode knows
    LocalAddresses addresses_;
    Prober prober_;

    MemberId active_ = kNoMember;
    MemberId wanted_active_ = kNoMember; // named by the operator, once
    bool first_choice_pending_ = false;  // the configuration's active_slave has not been up yet
    bool primary_is_new_ = false;
    Decision decision_{};
    Decision before_mode_{};      // what the mode before said, while the new one …
    Time carried_until_ = kNever; // … finds out which members may send; kNever: it has
    FlowMove move_;
    TxBurstFn counting_ = nullptr; // nullptr: nobody asks for load by bucket
    Time count_until_ = kNever;
    Health health_ = Health::down;
    Time health_since_{};
    bool link_up_ = false;
    bool had_active_ = false;
    std::uint64_t failovers_ = 0;
    FailoverMove failover_;
    MemberSet lost_senders_; // no other has sent since they were lost
    GapHistogram gaps_;

    Announcer announcer_; // waits until the devices wear what they should, as …
    Rounds reports_;      // … of memberships
    std::uint64_t report_wishes_ = 0;

    std::unique_ptr<Saved> before_; // between restore() and resume()
    bool reselect_ = true;          // something that the decision depends on has changed
    bool choose_active_ = true;     // … and the active member may change while it is up
    bool changed_ = true;
    FixedVec<Event, 64> events_;
    std::uint64_t events_lost_ = 0;
    LostFrames lost_;
    FixedVec<Transmit, 128> frames_; // before those of the announcer and of the mode
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The monitor that asks targets by ARP or neighbour solicitation, without the asking: signs of life and time
// go in; who is up, and who shall probe, comes out. The windows are Linux bonding's (arp_interval,
// arp_missed_max, arp_validate, arp_all_targets), but a silent member is left when its window ends and not at
// the next multiple of the interval, and an answer counts when it comes. Sans-IO; owner: the control lcore;
// no allocation.
#pragma once

#include <array>
#include <cstdint>

#include "base/member_set.hpp"
#include "base/time.hpp"

namespace dpdkbond {

inline constexpr std::size_t kMaxTargets = 32; // of both families

struct ProbeRules {
    Duration interval{0}; // zero: off
    std::uint8_t missed_max = 2;
    bool one_active = false;   // only the active member probes; otherwise each does
    std::uint8_t validate = 0; // Linux's arp_validate: 1 the active, 2 backups, 4 only ARP and ND count
    bool all_targets = false;  // with one_active and validation: every target must answer
    std::uint32_t targets = 0; // a bit each
    std::uint32_t list = 0;    // another number: the bits mean other targets
    bool operator==(const ProbeRules&) const = default;
};

struct MemberTraffic { // frames so far
    std::uint64_t rx = 0, tx = 0;
};

class ProbeMonitor {
public:
    enum class State : std::uint8_t { down, trial, up };

    // Starts afresh: members that are up get their whole window.
    void set_rules(const ProbeRules& rules, Time now);
    // The targets that can be asked: there is a source address for them, or they have answered without one.
    // Silence of the other targets means nothing. While no target can be asked no member is called down.
    void set_ready(std::uint32_t targets, Time now);

    // While nothing can be sent or received no member is judged; afterwards each continues in its state.
    void set_paused(bool paused) { paused_ = paused; }

    void join(MemberId id, Time now); // up as soon as its link is
    void leave(MemberId id);
    // Whether the member can carry frames at all. One that lost it needs a sign of life afterwards, a new one
    // does not. Repeats are no-ops.
    void set_link(MemberId id, bool up, Time now);
    // It was down before (a warm restart) and needs a sign of life.
    void call_down(MemberId id, Time now) { go_down(id, now); }
    void set_active(MemberId id, Time now); // one_active; kNoMember: none, so a candidate is tried

    // ---- signs of life
    // The member's counters, at every deadline. What has moved since the last look counts from that look on.
    void handle_traffic(MemberId id, const MemberTraffic& traffic, Time now);
    void handle_neighbor(MemberId id, Time now); // an ARP or ND frame, whosever
    struct Sign {
        std::uint8_t target = 0;
        bool echo = false;   // our own question come back, and not something the target said
        bool answer = false; // a reply to a question
    };
    void handle_sign(MemberId id, Sign sign, Time now);

    void handle_timeout(Time now); // spurious calls are no-ops
    [[nodiscard]] Time next_deadline() const { return on() && !paused_ ? deadline_ : kNever; }
    // The members that have to ask every target now; the call clears it.
    MemberSet take_probes();

    [[nodiscard]] bool on() const { return rules_.interval > Duration{0} && rules_.targets != 0; }
    [[nodiscard]] State state(MemberId id) const { return members_[id].state; }
    // Of a member that is not up: the targets that it did not hear of, and whether it could not even ask.
    [[nodiscard]] std::uint32_t silent_targets(MemberId id) const { return members_[id].silent; }
    [[nodiscard]] bool mute(MemberId id) const { return members_[id].mute; }

private:
    struct Member {
        bool present = false, link = false, link_was_set = false, mute = false;
        State state = State::down;
        Time last_rx{}, last_tx{}, last_up{}, down_since{}, probed{};
        std::array<Time, kMaxTargets> target_rx{};
        MemberTraffic seen{};
        bool seen_before = false;
        std::uint32_t silent = 0;
    };
    [[nodiscard]] Time end_of(Time since, unsigned intervals) const {
        return since + rules_.interval * intervals + rules_.interval / 2;
    }
    [[nodiscard]] bool is_active(MemberId id) const {
        return !rules_.one_active || id == active_ || id == trial_;
    }
    [[nodiscard]] bool validated(MemberId id) const {
        return (rules_.validate & (is_active(id) ? 1U : 2U)) != 0;
    }
    [[nodiscard]] Time last_sign(MemberId id) const;
    void renew(Member& m, Time now);
    void go_up(MemberId id, Time now);
    void go_down(MemberId id, Time now);
    void revive(MemberId id, Time now); // if there is a sign of life
    void judge(Time now);               // all of them; the counters have just been looked at
    void make_up_for_lateness(Time now);
    void tick(Time now);
    void try_next(Time now);
    void plan();

    ProbeRules rules_;
    bool paused_ = false;
    MemberMap<Member> members_;
    MemberId active_ = kNoMember, trial_ = kNoMember;
    std::uint32_t ready_ = 0;
    MemberSet probes_;
    Time next_tick_{}, last_look_{};
    Time deadline_ = kNever;
};

} // namespace dpdkbond

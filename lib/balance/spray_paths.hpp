// SPDX-License-Identifier: BSD-3-Clause
// The paths of balance-spray: for each peer a next hop behind each of our members. Asks for next hops by ARP
// and asks again and again, so that one that is silent is out of use until it answers; answers for our
// members' own next-hop addresses, each on its own wire. Sans-IO: frames and time in, frames out. Owner: the
// control lcore; nothing allocates but set_options() and the text of events.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "balance/spray_slots.hpp"
#include "base/saved.hpp"
#include "bond/controller.hpp"
#include "proto/arp.hpp"

namespace dpdkbond {

enum class SprayState : std::uint8_t {
    no_link, // the member has none, or is none of the bond
    asking,  // its next hop's MAC is not known yet
    up,
    silent, // the next hop has left too many probes unanswered
};
std::string_view spray_state_name(SprayState state); // "no_link", "asking", "up", "silent"

struct SprayPath {
    std::string member_name;
    Ipv4 peer{};
    std::optional<Ipv4> via{}; // nullopt: the MAC is given
    std::uint32_t weight = 0;  // as configured; 0: by speed
    std::uint16_t counter = 0; // SprayTarget::counter, its own as long as it is configured
    std::uint64_t serial = 0;  // never given to two paths

    MemberId member = kNoMember;
    Mac mac{}; // of the next hop; zero: not known
    SprayState state = SprayState::no_link;
    Mac known{};          // where the next hop was before a warm restart: it is believed until it is silent
    bool heard = false;   // a next hop with a given MAC has answered once, so that its silence says something
    bool awaited = false; // the last probe is unanswered
    bool owed = false;    // a probe is to be sent now
    bool untold = false;  // a change that is to be an event …
    MemberId untold_of = kNoMember;
    std::uint32_t missed = 0; // probes in a row
    std::uint32_t asked = 0;  // since it was last up, or lost its link
    Time next = kNever;       // the next probe
};

class SprayPaths {
public:
    static constexpr std::uint32_t kAtOnce = 64; // probes in a row; the next ones a millisecond later

    SprayPaths();

    // ---- inputs
    void set_options(const SprayOptions& options, Time now); // what stays the same keeps its state
    void set_addresses(const LocalAddresses& addresses) { local_ = addresses; }
    void member_joined(MemberId id, std::string_view name, const Mac& mac);
    void member_left(MemberId id, Time now);
    void set_member_mac(MemberId id, const Mac& mac);
    void set_link(MemberId id, bool up, std::uint32_t speed_mbps, Time now);
    void handle_frame(MemberId id, Bytes frame, Time now); // ARP; anything else is left
    void handle_timeout(Time now);

    // ---- a warm restart: the next hops that are up. restore() comes after set_options() and before links
    // are.
    void save(Saved& out) const;
    void restore(const Saved& saved);

    // ---- outputs
    [[nodiscard]] Time next_deadline() const { return next_due_; }
    bool poll_transmit(OwnFrame& out);
    [[nodiscard]] std::uint64_t frames_lost() const { return lost_; } // answers for which there was no room
    bool poll_event(ControllerEvent& out);
    bool take_redrawn() { return std::exchange(redrawn_, false); }
    // All but the gap. A path whose member is not in `may_send` is out of use.
    void fill(SprayTable& out, MemberSet may_send) const;

    [[nodiscard]] const SprayOptions& options() const { return options_; }
    // By peer as configured, a peer's paths together and as configured.
    [[nodiscard]] std::span<const SprayPath> paths() const { return paths_; }
    // The paths of the peer that paths()[begin] leads to, and (as many) what their weights are now: as given,
    // else by the members' speeds in lowest terms.
    [[nodiscard]] std::span<const SprayPath> peer_at(std::size_t begin) const;
    void weights(std::span<const SprayPath> peer, std::span<std::uint32_t> out) const;

private:
    struct Member {
        MemberId id{};
        std::string_view name() const { return name_.view(); }
        FixedString<63> name_;
        Mac mac{};
        Ipv4 own{}; // 0.0.0.0: none
        bool up = false;
        bool claimed = false; // somebody else was heard with its address …
        bool claim_untold = false;
        std::uint32_t speed_mbps = 0;
    };
    Member* find(MemberId id);
    [[nodiscard]] const Member* find(MemberId id) const { return const_cast<SprayPaths*>(this)->find(id); }
    void take_addresses();
    void bind(SprayPath& path, Time now);
    void start(SprayPath& path, Time now);
    void stop(SprayPath& path);
    void change(SprayPath& path, SprayState state, Time now);
    void answered(SprayPath& path, const Mac& mac, Time now);
    void ask(SprayPath& path, Time now);
    void answer(const Member& member, const ArpPacket& request);
    void probe(const SprayPath& path, OwnFrame& out) const;
    // Another usable path of the same peer leads to that MAC.
    [[nodiscard]] bool is_shared(const SprayPath& path, const Mac& mac) const;
    [[nodiscard]] Duration interval() const { return std::chrono::milliseconds(options_.probe_interval); }
    [[nodiscard]] bool is_local(Ipv4 address) const;

    SprayOptions options_;
    LocalAddresses local_;
    FixedVec<Member, kMaxMembers> members_;
    std::vector<SprayPath> paths_;
    std::vector<std::uint16_t> free_counters_; // the one free for longest first
    std::uint64_t serial_ = 0;
    FixedVec<OwnFrame, 64> answers_;
    std::uint64_t lost_ = 0;
    Time next_due_ = kNever;
    Time told_at_{};
    std::size_t probing_ = 0; // where poll_transmit() looks next
    bool any_owed_ = false, any_untold_ = false;
    bool redrawn_ = false;
};

} // namespace dpdkbond

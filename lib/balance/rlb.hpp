// SPDX-License-Identifier: BSD-3-Clause
// Receive load balancing (balance-alb): neighbours are told different MACs of ours, so that what they send
// arrives by different members; the same neighbour always hears of the same member. ARP of our own goes out
// through here and is rewritten; the neighbours' own is listened to. IPv6 neighbour discovery likewise where
// the option says so (ours alone; Linux leaves it be). Sans-IO: frames and time in, frames out. Owner: the
// control lcore; nothing allocates after construction.
#pragma once

#include <array>
#include <optional>
#include <span>

#include "balance/clients.hpp"
#include "base/bytes.hpp"
#include "base/fixed_vec.hpp"
#include "base/saved.hpp"
#include "base/time.hpp"
#include "bond/local_address.hpp"
#include "proto/arp.hpp"

namespace dpdkbond {

struct RlbMember { // one that can receive
    MemberId id{};
    Mac mac{};                    // by which it is reached
    std::uint32_t speed_mbps = 0; // 0: unknown, counts as the slowest that is known
    bool operator==(const RlbMember&) const = default;
};

struct RlbFrame {
    static constexpr std::size_t kMost = 128;
    MemberId member{};
    std::uint16_t length = 0;
    std::array<std::uint8_t, kMost> bytes{};
};

// By which member a frame of our own would leave, and why; `neighbor` is whom the last two speak of.
struct RlbWay {
    enum class Why {
        as_it_is,     // a guest's, a probe, or none that we read: the active member
        to_everybody, // the active member
        given,        // to one neighbour: the member that it was given to
        to_be_given,  // to one that is not known yet: the member that it would be given to
    };
    Why why = Why::as_it_is;
    MemberId member{};
    Ipv6 neighbor{};
};

class Rlb {
public:
    // A broadcast request of ours puts the bond's MAC into every neighbour's cache. This long afterwards they
    // are told again: a Linux neighbour takes no second change within a second (locktime). One that moves to
    // another member is told again then, too, as its own timers count as changes.
    static constexpr Duration kAfterRequest = std::chrono::seconds(2);
    static constexpr Duration kBetweenRounds = std::chrono::milliseconds(100);
    // An address that we asked for and that nobody answered for is forgotten after this long.
    static constexpr Duration kUnanswered = std::chrono::seconds(5);
    static constexpr std::uint8_t kBurst = 2;        // frames of one update
    static constexpr std::uint8_t kRoundsOnLoss = 4; // updates after a member's loss: one, and three more
    static constexpr std::uint32_t kAtOnce = 64;     // clients told in a row; the next ones 10 ms later
    static constexpr Duration kBreath = std::chrono::milliseconds(10);

    // ---- inputs
    void set_ipv6(bool on) { ipv6_ = on; }
    // Whether an advertisement of such an address says that a router has it.
    void set_addresses(const LocalAddresses& addresses) { addresses_ = addresses; }
    // The MACs of the bond and of all its members, usable or not: frames from these are our own.
    void set_own_macs(std::span<const Mac> macs);
    // The members that can receive, in the order in which they joined; `active` wears the bond's MAC. Clients
    // of one that is gone are shared out among the rest and told at once; a member that is new takes over as
    // many clients as evens it out, by speed.
    void set_members(std::span<const RlbMember> members, MemberId active, Time now);
    // An ARP or neighbour discovery frame that the logical interface sends. poll_transmit() gives it back,
    // rewritten where needed. It must not be longer than RlbFrame::kMost.
    void handle_own(Bytes frame, Time now);
    void handle_received(Bytes frame, Time now);
    void handle_timeout(Time now);
    // Neighbours that were told another MAC than this one are told this one, by the active member.
    void farewell(const Mac& reached_at);

    // ---- a warm restart: the neighbours. restore() comes before set_members().
    void save(Saved& out) const;
    void restore(const Saved& saved);

    // ---- outputs
    [[nodiscard]] Time next_deadline() const { return next_due_; }
    bool poll_transmit(RlbFrame& out);
    [[nodiscard]] std::uint64_t frames_lost() const { return lost_; } // more than there is room for
    [[nodiscard]] const Clients& clients() const { return clients_; }
    [[nodiscard]] std::uint32_t clients_of(MemberId id) const; // neighbours assigned to it
    // What handle_own() would do with the frame; nullopt: it is no ARP, nor neighbour discovery where that is
    // shared out, so that no worker would hand it over.
    [[nodiscard]] std::optional<RlbWay> way_of(Bytes frame) const;

private:
    struct Member {
        RlbMember is;
        double speed = 1;
        std::uint32_t clients = 0; // neighbours with a MAC, each counted once
    };
    // What ARP and neighbour discovery have in common.
    struct Heard {
        ClientKey key;
        Mac mac{};
    };
    Member* find(MemberId id);
    [[nodiscard]] const Member* find(MemberId id) const;
    [[nodiscard]] bool is_ours(const Mac& mac) const;
    Member* fewest_clients();
    [[nodiscard]] const Member* fewest_clients() const;
    // Of a neighbour without a MAC: the one it has, unless another one is better.
    [[nodiscard]] const Member* member_for_new(const Member* given) const;
    void count_clients();
    [[nodiscard]] bool stands_for_neighbor(const Client& c) const;
    void choose_for_new_neighbor(const Ipv6& client);
    void set_mac(Client& c, const Mac& mac);
    void move(const Ipv6& client, Member& to, Time now, std::uint8_t rounds);
    void even_out(Time now);
    void update(Client& c, Time at, std::uint8_t rounds);
    void was_told(Client& c, const Mac& mac, Time now);
    [[nodiscard]] static bool is_locked(const Client& c, Time now);
    Client& client_at(const ClientKey& key, Time now);
    void own_arp(Bytes frame, const EthView& eth, const ArpPacket& arp, Time now);
    bool own_nd(Bytes frame, const EthView& eth, Time now);
    void everyone_was_taught(const Ipv6& ours, const VlanTags& tags, const Mac& mac, Time now);
    void heard(const Heard& h, Time now);
    void purge(const Ipv6& ours);
    [[nodiscard]] bool is_router(const ClientKey& key) const;
    RlbFrame& send(MemberId by, Bytes frame);
    void send_update(const Client& c, MemberId by, const Mac& mac);

    Clients clients_;
    FixedVec<Member, kMaxMembers> members_;
    MemberId active_ = kNoMember;
    FixedVec<Mac, kMaxMembers + 1> own_macs_;
    bool ipv6_ = false;
    LocalAddresses addresses_;
    Time next_due_ = kNever;
    // Frames to send: more than workers hand over between two rounds of control's, and what falls due.
    static constexpr std::size_t kRoom = 1024;
    std::unique_ptr<std::array<RlbFrame, kRoom>> queue_ = std::make_unique<std::array<RlbFrame, kRoom>>();
    std::size_t first_ = 0, queued_ = 0;
    std::uint64_t lost_ = 0;
};

} // namespace dpdkbond

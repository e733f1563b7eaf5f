// SPDX-License-Identifier: BSD-3-Clause
// Tells the neighbours, and by the way the switch, where the bond's addresses now are: gratuitous ARPs and
// unsolicited NAs, a number of rounds at equal distances (Linux: num_grat_arp = num_unsol_na,
// peer_notif_delay; RFC 5227, RFC 4861 7.2.6). Also the frames that show a switch where a MAC went. Owner:
// the control lcore; no allocation.
#pragma once

#include "bond/controller.hpp"
#include "bond/local_address.hpp"

namespace dpdkbond {

// Something that is done a number of times at equal distances, the first time at once.
class Rounds {
public:
    void start(unsigned count, Time now) {
        left_ = count;
        first_ = true;
        next_ = count > 0 ? now : kNever;
    }
    void stop() { start(0, Time{}); }
    [[nodiscard]] Time deadline() const { return next_; } // kNever: all are done
    // True once for each round, when it is due. One that comes late does not put off the next, which keeps
    // the distance from where it should have been; none is made up for by two at once.
    bool take(Time now, Duration distance);

private:
    unsigned left_ = 0;
    bool first_ = false;
    Time next_ = kNever;
};

class Announcer {
public:
    void start(unsigned rounds, Time now) {
        rounds_.start(rounds, now);
        owed_ = 0;
        by_ = {};
    }
    void stop() { start(0, Time{}); }
    [[nodiscard]] Time deadline() const { return rounds_.deadline(); }
    // When a round is due, each of the members `by` makes it.
    void handle_timeout(Time now, Duration distance, MemberSet by);
    // The frames of the rounds that were due, one for each address and member. False: no more.
    bool poll(OwnFrame& out, const LocalAddresses& addresses, const Mac& bond);

private:
    Rounds rounds_;
    unsigned owed_ = 0;       // rounds that were due and have not begun, each …
    MemberSet speakers_;      // … by these
    MemberSet by_;            // members that have not spoken in this round, the lowest is speaking …
    std::size_t address_ = 0; // … of this one next
};

// The frame by which a switch learns that `mac` is behind this member, in the VLAN of these tags.
OwnFrame learning_frame(MemberId member, const Mac& mac, const VlanTags& tags);

} // namespace dpdkbond

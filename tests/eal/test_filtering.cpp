// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <poll.h>

#include <cstring>

#include "datapath/rx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

constexpr Mac kOwn{{2, 0xbd, 0, 0, 0, 1}}, kMacvlan{{2, 0xbd, 0, 0, 0, 9}}, kForeign{{2, 0xbd, 0, 0, 0, 2}};
constexpr Mac kJoined{{1, 0, 0x5e, 1, 1, 1}}, kOtherGroup{{1, 0, 0x5e, 1, 1, 2}};
constexpr Mac kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, kLldp{{1, 0x80, 0xc2, 0, 0, 0xe}};

class Filtered : public Rig {
public:
    explicit Filtered(Mode mode = Mode::balance_xor) : Rig(mode, 2) {
        bond.set_mac(kOwn, Time{});
        wanted.all_unicast = wanted.all_groups = false;
        wanted.macs.push_back(kMacvlan);
        wanted.macs.push_back(kJoined);
        lane.doubt = &doubt;
        refresh();
    }
    void refresh() {
        bond.set_filter(wanted, Time{});
        snapshot = Snapshot{};
        bond.fill(snapshot);
    }
    // One frame a destination, numbered from 0; returns the numbers that went up.
    Numbers arrive(std::initializer_list<Mac> destinations) {
        std::uint32_t number = 0;
        for (const Mac& to : destinations) {
            rte_mbuf* m = frame(number++);
            std::memcpy(rte_pktmbuf_mtod(m, void*), to.data(), 6);
            REQUIRE(rte_eth_tx_burst(port(0), 0, &m, 1) == 1);
        }
        receive(lane, snapshot);
        return take_numbers(World::get().logical->id());
    }
    bool rang() {
        pollfd p{doubt.fd(), POLLIN, 0};
        return poll(&p, 1, 0) == 1;
    }
    RxFilter wanted;
    Doubt doubt;
};

} // namespace

TEST_CASE("what is addressed to the logical interface goes up, the rest is counted by reason") {
    const NothingLost check;
    Filtered rig;
    CHECK(rig.arrive({kOwn, kForeign, kMacvlan, kJoined, kOtherGroup, kBroadcast, kLldp, kOwn}) ==
          Numbers{0, 2, 3, 5, 6, 7});
    CHECK(rig.dropped(0, DropReason::foreign_mac) == 1);
    CHECK(rig.dropped(0, DropReason::foreign_group) == 1);
    CHECK(rig.lane.counters.up.get() == 6);
}

TEST_CASE("promiscuous takes every address, all-multicast every group, and neither the other") {
    const NothingLost check;
    Filtered rig;
    rig.wanted.all_unicast = true;
    rig.refresh();
    CHECK(rig.arrive({kForeign, kOtherGroup}) == Numbers{0});
    rig.wanted.all_unicast = false;
    rig.wanted.all_groups = true;
    rig.refresh();
    CHECK(rig.arrive({kForeign, kOtherGroup}) == Numbers{1});
    rig.wanted.all_unicast = true;
    rig.refresh();
    CHECK(rig.arrive({kForeign, kOtherGroup}) == Numbers{0, 1});
    CHECK(rig.snapshot.filter.members.bits() == 0); // nothing to look at
}

TEST_CASE("a member whose hardware sorts is not sorted again") {
    const NothingLost check;
    Filtered rig;
    rig.bond.set_sorts_itself(MemberId{0}, true);
    rig.refresh();
    CHECK(rig.arrive({kForeign, kOtherGroup}) == Numbers{0, 1});
    CHECK(rig.snapshot.filter.members.bits() == 2);
}

TEST_CASE("more addresses than the table holds: all of their kind pass") {
    const NothingLost check;
    Filtered rig;
    for (unsigned i = 0; !rig.wanted.macs.full(); ++i)
        rig.wanted.macs.push_back(
            {{2, 0xbe, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}});
    rig.refresh();
    CHECK(rig.arrive({kForeign, kMacvlan, rig.wanted.macs.back(), kOtherGroup}) == Numbers{1, 2});
}

TEST_CASE("while the logical interface is down nothing goes up") {
    const NothingLost check;
    Filtered rig;
    rig.wanted.up = false;
    rig.refresh();
    CHECK(rig.arrive({kOwn, kBroadcast, kForeign}).empty());
    CHECK(rig.dropped(0, DropReason::logical_down) == 3);
    rig.wanted.up = true;
    rig.refresh();
    CHECK(rig.arrive({kOwn}) == Numbers{0});
}

TEST_CASE("while the logical interface is down LACP hears and says nothing") {
    const NothingLost check;
    Filtered rig(Mode::ieee8023ad);
    rig.wanted.up = false;
    rig.refresh();
    CHECK(rig.snapshot.punt == nullptr);
    rig.bond.handle_timeout(Time{} + std::chrono::seconds(3));
    Bond::Transmit frame;
    CHECK_FALSE(rig.bond.poll_transmit(frame));
    rig.wanted.up = true;
    rig.refresh();
    CHECK(rig.snapshot.punt != nullptr);
    rig.bond.handle_timeout(Time{} + std::chrono::seconds(40));
    CHECK(rig.bond.poll_transmit(frame));
}

TEST_CASE("a refusal rings once until it has been heard and armed again") {
    const NothingLost check;
    Filtered rig;
    rig.arrive({kOwn, kBroadcast, kJoined});
    CHECK_FALSE(rig.rang());
    rig.arrive({kForeign});
    CHECK(rig.rang());
    rig.doubt.hear();
    rig.arrive({kForeign, kOtherGroup});
    CHECK_FALSE(rig.rang());
    rig.doubt.arm();
    rig.arrive({kOtherGroup});
    CHECK(rig.rang());
}

// SPDX-License-Identifier: BSD-3-Clause
// What a lane notes of failovers (GapWatch), with the time of each round given by hand.
#include <catch2/catch.hpp>

#include "datapath/rx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

constexpr std::uint64_t kHour = 3'600'000'000'000; // in cycles, of any processor some minutes at least

class LaneRounds {
public:
    explicit LaneRounds(Rig& rig) : rig_(rig) {}
    // A round at this time, in which so many frames come from the logical interface.
    void at(std::uint64_t clock, unsigned frames_sent = 0) {
        rig_.lane.clock = clock;
        (void)newest(rig_.lane);
        if (frames_sent != 0) rig_.send(frames(1, frames_sent));
        if (rig_.lane.gap.waiting) rig_.lane.gap.look(rig_.lane);
    }

private:
    Rig& rig_;
};

} // namespace

TEST_CASE("a failover's gap lasts from the last frame sent by the old member to the first by the new one") {
    Rig rig(Mode::active_backup, 2);
    LaneRounds lane_at(rig);
    lane_at.at(1000, 3);
    lane_at.at(2000, 3);
    lane_at.at(2500);
    CHECK_FALSE(rig.lane.gap.waiting);
    rig.set_link(0, false);
    lane_at.at(3000);
    CHECK(rig.lane.gap.waiting);
    CHECK(rig.lane.gap.number == 1);
    CHECK(rig.lane.gap.last_tx == 2000);
    CHECK(rig.lane.gap.first_tx == 0);
    lane_at.at(4000);
    CHECK(rig.lane.gap.first_tx == 0);
    lane_at.at(5000, 1);
    lane_at.at(6000, 1);
    CHECK(rig.lane.gap.first_tx == 5000);
    CHECK(rig.lane.gap.last_rx == 0);
    CHECK(rig.lane.gap.waiting); // for a frame received, but not for ever
    lane_at.at(6000 + kHour);
    CHECK_FALSE(rig.lane.gap.waiting);
}

TEST_CASE("failovers that follow one another without a frame between them are one gap") {
    Rig rig(Mode::active_backup, 3);
    LaneRounds lane_at(rig);
    lane_at.at(1000, 3);
    rig.set_link(0, false);
    lane_at.at(2000);
    rig.set_link(1, false);
    lane_at.at(3000);
    CHECK(rig.lane.gap.number == 2);
    CHECK(rig.lane.gap.last_tx == 1000);
    lane_at.at(4000, 1);
    CHECK(rig.lane.gap.first_tx == 4000);
    rig.set_link(2, false); // no member is left
    lane_at.at(5000, 1);
    rig.set_link(0, true);
    lane_at.at(6000, 1);
    CHECK(rig.lane.gap.number == 3);
    CHECK(rig.lane.gap.last_tx == 4000);
    CHECK(rig.lane.gap.first_tx == 6000);
}

TEST_CASE("a member that is lost where others send on makes a gap too, one that joins does not") {
    Rig rig(Mode::balance_rr, 3);
    LaneRounds lane_at(rig);
    lane_at.at(1000, 30);
    rig.set_link(1, false);
    lane_at.at(2000, 30);
    CHECK(rig.lane.gap.last_tx == 1000);
    CHECK(rig.lane.gap.first_tx == 2000);
    rig.set_link(1, true);
    lane_at.at(3000, 30);
    CHECK(rig.lane.gap.number == 1);
}

// SPDX-License-Identifier: BSD-3-Clause
// What the logical interface shows of the bond, and what its being down does to it.
#include <catch2/catch.hpp>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

struct LogicalSim {
    explicit LogicalSim(Mode mode, const BondOptions& options = {})
        : controller(find_mode(mode)->control_half()),
          bond("sim", {mode, controller.get(), find_mode(mode)->data_half(options)}, options, std::nullopt,
               1500) {
        for (std::uint8_t i = 0; i < 3; ++i) {
            MemberInfo info;
            info.name = "m" + std::to_string(i);
            info.perm_mac = Mac{{2, 0, 0, 0, 0, i}};
            REQUIRE(bond.add_member(info, LinkState{true, 1000U * (i + 1), Duplex::full}, now).ok());
        }
    }
    unsigned frames() {
        unsigned n = 0;
        for (Bond::Transmit t; bond.poll_transmit(t);) ++n;
        return n;
    }
    void link(unsigned member, LinkState state) {
        bond.handle_link(MemberId{static_cast<std::uint8_t>(member)}, state, now);
    }
    Time now = Time{} + 1s;
    std::unique_ptr<Controller> controller;
    Bond bond;
};

BondOptions miimon() {
    BondOptions options;
    options.miimon = 100;
    return options;
}

} // namespace

TEST_CASE(
    "a bond is as fast as its members together, or as the active one, or as the slowest that sends all") {
    for (const Mode mode : {Mode::balance_rr, Mode::balance_xor})
        CHECK(LogicalSim(mode).bond.speed_mbps() == 6000);
    CHECK(LogicalSim(Mode::active_backup).bond.speed_mbps() == 1000);
    CHECK(LogicalSim(Mode::broadcast).bond.speed_mbps() == 1000);
}

TEST_CASE("speed follows members that come, go and do not know theirs") {
    LogicalSim sim(Mode::balance_rr, miimon());
    sim.link(2, {});
    CHECK(sim.bond.speed_mbps() == 3000);
    sim.link(1, {true, 0, Duplex::unknown});
    CHECK(sim.bond.speed_mbps() == 1000);
    sim.link(0, {true, 25000, Duplex::full});
    CHECK(sim.bond.speed_mbps() == 25000);
    sim.link(0, {});
    sim.link(1, {});
    CHECK(sim.bond.speed_mbps() == 0);
    BondStatus status;
    sim.bond.fill(status);
    CHECK(status.speed_mbps == 0);
}

TEST_CASE("a bond that is down announces nothing, and says who set it so") {
    LogicalSim sim(Mode::active_backup, miimon());
    LocalAddresses addresses;
    addresses.push_back({*IpPrefix::parse("192.0.2.1/24"), {}, {}});
    sim.bond.set_addresses(addresses);
    sim.frames();
    RxFilter filter;
    filter.up = false;
    sim.bond.set_filter(filter, sim.now);
    sim.link(0, {});
    sim.bond.macs_applied(sim.bond.mac_plan().version, sim.now);
    sim.bond.handle_timeout(sim.now += 1s);
    CHECK(sim.frames() == 0);
    filter.up = true;
    sim.bond.set_filter(filter, sim.now);
    sim.link(1, {});
    sim.bond.macs_applied(sim.bond.mac_plan().version, sim.now);
    sim.bond.handle_timeout(sim.now += 1s);
    CHECK(sim.frames() > 0);
    unsigned told = 0;
    for (Event e; sim.bond.poll_event(e);)
        told += e.kind == EventKind::logical_down || e.kind == EventKind::logical_up ? 1 : 0;
    CHECK(told == 2);
}

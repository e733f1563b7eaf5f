// SPDX-License-Identifier: BSD-3-Clause
// A mode that only this test program has, through everything that knows modes: file, options, engine, views.
#include <catch2/catch.hpp>

#include "config/dump.hpp"
#include "config/load.hpp"
#include "datapath/tx_engine.hpp"
#include "dpdk/clock.hpp"
#include "engine/queries.hpp"
#include "ops/render.hpp"
#include "rig.hpp"
#include "toy_mode.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

const bool g_registered = (add_mode(toy_mode), true);

std::unique_ptr<BondCore> core_of(const ModeDescriptor& mode, Rcu& rcu) {
    auto core = std::make_unique<BondCore>("toy", mode, BondOptions{}, std::nullopt, 1500, rcu, 1, "toy");
    for (unsigned i = 0; i < 3; ++i) {
        MemberInfo info;
        info.name = "m" + std::to_string(i);
        info.data.port = World::get().members[i].id();
        REQUIRE(core->bond.add_member(info, {.carrier = true, .speed_mbps = 1000}, now()).ok());
    }
    return core;
}

BondView view_of(const BondCore& core, const BondOptions& options) {
    BondView view;
    view.options = options;
    core.status.load(view.status);
    for (const MemberStatus& m : view.status.members) view.members.push_back({.status = m, .counters = {}});
    return view;
}

} // namespace

TEST_CASE("a mode of one file and one registry line has a row, a name and options") {
    REQUIRE(g_registered);
    CHECK(parse_mode("by-size") == kToyMode);
    CHECK(parse_mode(std::to_string(kModeCount)) == kToyMode);
    CHECK(mode_name(kToyMode) == "by-size");
    CHECK(find_mode(kToyMode) == &toy_mode);
    CHECK(takes(kToyMode, *find_option("miimon")));
    CHECK(takes(kToyMode, *find_option("arp_interval")));
    CHECK(works_in(kToyMode, *find_option("xmit_hash_policy")));
    CHECK_FALSE(takes(kToyMode, *find_option("primary")));
    CHECK_FALSE(takes(kToyMode, *find_option("lacp_rate")));
    CHECK_THROWS(add_mode(toy_mode)); // its number is taken
    CHECK(mode_table().size() == kModeCount + 1);
}

TEST_CASE("a mode of one file and one registry line is set by the file, and its wrong options refused") {
    const std::string bond =
        "bonds:\n  - name: bond0\n    mode: by-size\n    members:\n      - device: net_null0\n";
    const LoadedConfig good = parse_config(bond);
    for (const ConfigProblem& p : good.problems) UNSCOPED_INFO(p.message);
    REQUIRE(good.problems.empty());
    CHECK(good.config.bonds[0].mode == kToyMode);
    CHECK(dump_bond(good.config.bonds[0]).find("mode: by-size") != std::string::npos);
    const LoadedConfig bad = parse_config(bond + "    lacp_rate: fast\n    spray: {granularity: flow}\n");
    REQUIRE(bad.problems.size() == 2);
}

TEST_CASE("a mode of one file and one registry line carries frames") {
    const NothingLost check;
    Rig rig(kToyMode, 3);
    Frames burst = frames(0, 6);
    for (unsigned i = 3; i < 6; ++i) std::memset(rte_pktmbuf_append(burst[i], 100), 0, 100);
    rig.send(burst);
    flush(rig.lane);
    CHECK(take_numbers(rig.port(0)) == Numbers{0, 1, 2});
    CHECK(take_numbers(rig.port(1)).empty());
    CHECK(take_numbers(rig.port(2)) == Numbers{3, 4, 5});
}

TEST_CASE("a mode of one file and one registry line is chosen by a running bond, explained and shown") {
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    auto core = core_of(*find_mode(Mode::balance_xor), rcu);
    control.set_bond(0, core.get());
    control.serve();
    BondOptions options;
    BondQueries queries(control, *core, options, sent_by);
    CHECK(queries.explain({}).hashed);
    CHECK(queries.explain({}).paths ==
          std::vector<std::string>{"the flow names no address: 0.0.0.0 to 0.0.0.0 is meant"});
    core->bond.set_link_admin(MemberId{2}, false, now());
    control.settle(0);
    CHECK(queries.explain(parse_flow("src=192.0.2.1").value()).paths ==
          std::vector<std::string>{"not by m2: taken out by hand"});
    core->bond.set_link_admin(MemberId{2}, true, now());
    control.settle(0);

    set_options(control, *core, toy_mode, options);
    control.serve();
    BondStatus status;
    core->status.load(status);
    CHECK(status.mode == kToyMode);
    const Explanation e = queries.explain({});
    CHECK(e.member == "m0");
    CHECK(e.reason == "by the length of the frame");
    const auto load = queries.load(queries.begin_load());
    REQUIRE(load);
    REQUIRE(load->size() == 3);
    CHECK((*load)[1].bytes_per_s == 8); // its counters began at zero, once
    CHECK_FALSE(queries.rlb());
    CHECK_FALSE(queries.spray());
    const std::string text = render_proc(view_of(*core, options));
    CHECK(text.find("Bonding Mode: load balancing (by size)\n"
                    "Transmit Hash Policy: layer2 (0)\nMII Status: up\n") != std::string::npos);

    set_options(control, *core, *find_mode(Mode::active_backup), options);
    control.serve();
    CHECK(queries.explain({}).reason == "the active member sends everything");
    CHECK_FALSE(queries.load(queries.begin_load()));
    control.set_bond(0, nullptr);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "config/plan.hpp"
#include "plan_bonds.hpp"

using namespace dpdkbond;

namespace {

MemberConfig member(const std::string& name, int number) {
    MemberConfig m;
    m.name = name;
    m.device = "net_af_packet" + std::to_string(number) + ",iface=" + name;
    return m;
}

struct World {
    std::vector<BondAsItRuns> running;
    std::set<std::string> absent;

    Result<ReloadPlan> plan(std::vector<BondConfig> wanted) const {
        MachineFacts facts;
        facts.max_mtu = 1500;
        facts.why_absent = [this](const MemberConfig& m) {
            return absent.contains(m.name) ? "no such device: " + m.name : std::string();
        };
        return plan_reload(running, wanted, facts);
    }
};

BondAsItRuns runs(BondConfig config) { return BondAsItRuns{std::move(config), {}}; }

std::vector<std::string> joining(const BondPlan& p) {
    std::vector<std::string> names;
    for (const Joining& j : p.joining) names.push_back(j.member.name);
    return names;
}

std::vector<IpPrefix> prefixes(std::initializer_list<const char*> texts) {
    std::vector<IpPrefix> out;
    for (const char* t : texts) out.push_back(*IpPrefix::parse(t));
    return out;
}

using List = std::vector<std::string>;

} // namespace

TEST_CASE("a plan of what runs already changes nothing", "[H5]") {
    World w;
    const BondConfig b = bond("bond0", {member("m0", 0), member("m1", 1)});
    w.running = {runs(b)};
    const auto plan = w.plan({b});
    REQUIRE(plan);
    CHECK(plan.value().bonds_leaving.empty());
    CHECK(plan.value().new_bonds.empty());
    REQUIRE(plan.value().bonds.size() == 1);
    const BondPlan& p = plan.value().bonds[0];
    CHECK_FALSE(p.options_change);
    CHECK(p.leaving.empty());
    CHECK(p.joining.empty());
    CHECK(p.member_options.empty());
    CHECK(p.remarks.empty());
}

TEST_CASE("a plan refuses an MTU above the packet buffers, of a bond that runs and of a new one", "[H5]") {
    World w;
    const BondConfig b = bond("bond0", {member("m0", 0)});
    BondConfig changed = b;
    changed.logical.mtu = 9000;
    changed.options.updelay = 300;
    w.running = {runs(b)};
    const auto refused = w.plan({changed});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().find("logical.mtu") != std::string::npos);
    BondConfig fresh = bond("bond1", {member("m1", 1)});
    fresh.logical.mtu = 9000;
    CHECK_FALSE(w.plan({b, fresh}));
    fresh.logical.mtu = 1500;
    CHECK(w.plan({b, fresh}));
}

TEST_CASE("a plan refuses a MAC where fail_over_mac says active", "[H5]") {
    World w;
    BondConfig b = bond("bond0", {member("m0", 0)});
    b.options.fail_over_mac = FailOverMac::active;
    w.running = {runs(b)};
    BondConfig changed = b;
    changed.logical.mac = Mac::parse("02:bd:00:00:00:01");
    CHECK_FALSE(w.plan({changed}));
}

TEST_CASE("a member that was refused is planned again and is no member that leaves", "[H2]") {
    World w;
    const BondConfig wanted = bond("bond0", {member("m0", 0), member("m1", 1)});
    w.running = {BondAsItRuns{bond("bond0", {member("m0", 0)}), {member("m1", 1)}}};
    const auto again = w.plan({wanted});
    REQUIRE(again);
    CHECK(joining(again.value().bonds[0]) == List{"m1"});
    CHECK(again.value().bonds[0].joining[0].was_waiting);
    const auto without = w.plan({bond("bond0", {member("m0", 0)})});
    REQUIRE(without);
    CHECK(without.value().bonds[0].leaving.empty());
    CHECK(without.value().bonds[0].joining.empty());
    CHECK(without.value().bonds[0].still_waiting.empty());
}

TEST_CASE("a device that the file newly names has to be there, one that was waited for need not", "[A1]") {
    World w;
    w.absent = {"m1"};
    const BondConfig one = bond("bond0", {member("m0", 0)});
    const BondConfig both = bond("bond0", {member("m0", 0), member("m1", 1)});
    w.running = {runs(one)};
    const auto refused = w.plan({both});
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == "bond0: member m1: no such device: m1");
    w.running = {BondAsItRuns{one, {member("m1", 1)}}};
    const auto waits = w.plan({both});
    REQUIRE(waits);
    CHECK(waits.value().bonds[0].joining.empty());
    CHECK(waits.value().bonds[0].still_waiting.size() == 1);
}

TEST_CASE("a bond that is renamed is made when the old one has left", "[A12]") {
    World w;
    w.running = {runs(bond("bond0", {member("m0", 0), member("m1", 1)}))};
    const auto plan = w.plan({bond("bondx", {member("m0", 0), member("m1", 1)})});
    REQUIRE(plan);
    CHECK(plan.value().bonds_leaving == List{"bond0"});
    REQUIRE(plan.value().new_bonds.size() == 1);
    CHECK_FALSE(plan.value().new_bonds[0].devices_are_free);
}

TEST_CASE("a member moves between bonds, gets a name, changes its device", "[A12]") {
    World w;
    w.running = {runs(bond("ba", {member("m0", 0), member("m1", 1)})), runs(bond("bb", {member("m2", 2)}))};
    MemberConfig named = member("m0", 0);
    named.name = "uplink";
    const auto plan = w.plan({bond("ba", {named}), bond("bb", {member("m2", 2), member("m1", 1)})});
    REQUIRE(plan);
    REQUIRE(plan.value().bonds.size() == 2);
    CHECK(plan.value().bonds[0].leaving == List{"m0", "m1"});
    CHECK(joining(plan.value().bonds[0]) == List{"uplink"});
    CHECK_FALSE(plan.value().bonds[0].joining[0].device_is_free);
    CHECK(joining(plan.value().bonds[1]) == List{"m1"});
    CHECK_FALSE(plan.value().bonds[1].joining[0].device_is_free);
    const auto free = w.plan(
        {bond("ba", {member("m0", 0), member("m1", 1)}), bond("bb", {member("m2", 2), member("m3", 3)})});
    REQUIRE(free);
    CHECK(free.value().bonds[1].joining[0].device_is_free);
}

TEST_CASE("a member whose netdev was made anew leaves and joins", "[A15]") {
    World w;
    const BondConfig b = bond("bond0", {member("m0", 0), member("m1", 1)});
    w.running = {BondAsItRuns{b, {}, {"m0"}}};
    const auto plan = w.plan({b});
    REQUIRE(plan);
    CHECK(plan.value().bonds[0].leaving == List{"m0"});
    CHECK(joining(plan.value().bonds[0]) == List{"m0"});
    CHECK(plan.value().bonds[0].joining[0].was_waiting);
}

TEST_CASE("a bond whose netdev was deleted is made again", "[A2][M3]") {
    World w;
    const BondConfig b = bond("bond0", {member("m0", 0)});
    w.running = {BondAsItRuns{b, {}, {}, true}};
    const auto plan = w.plan({b});
    REQUIRE(plan);
    CHECK(plan.value().bonds_leaving == List{"bond0"});
    REQUIRE(plan.value().new_bonds.size() == 1);
    CHECK(plan.value().new_bonds[0].remade);
    CHECK_FALSE(plan.value().new_bonds[0].devices_are_free);
    CHECK(plan.value().bonds.empty());
}

TEST_CASE("what a running bond does not do is said", "[D26]") {
    World w;
    BondConfig b = bond("bond0", {member("m0", 0), member("m1", 1)});
    b.logical.mac = Mac::parse("02:bd:00:00:00:01");
    w.running = {runs(b)};
    const auto plan = w.plan({bond("bond0", {member("m1", 1), member("m0", 0)})});
    REQUIRE(plan);
    REQUIRE(plan.value().bonds[0].remarks.size() == 2);
    CHECK(plan.value().bonds[0].remarks[0].find("02:bd:00:00:00:01") != std::string::npos);
    CHECK(plan.value().bonds[0].remarks[1].find("m1, m0") != std::string::npos);
}

TEST_CASE("the options that a reload changes are named with their values", "[A6]") {
    World w;
    const BondConfig b = bond("bond0", {member("m0", 0)});
    w.running = {runs(b)};
    BondConfig changed = b;
    changed.options.updelay = 300;
    changed.members[0].options.prio = 7;
    const auto plan = w.plan({changed});
    REQUIRE(plan);
    CHECK(plan.value().bonds[0].options_change);
    CHECK(plan.value().bonds[0].changed_options == List{"updelay 300"});
    REQUIRE(plan.value().bonds[0].member_options.size() == 1);
    CHECK(plan.value().bonds[0].member_options[0].second.prio == 7);
}

TEST_CASE("keys of runtime that differ are named", "[A13]") {
    RuntimeConfig a, b;
    CHECK(runtime_differences(a, b).empty());
    b.file_prefix = "other";
    CHECK(runtime_differences(a, b) == "file_prefix");
    b.memory_mb = 64;
    CHECK(runtime_differences(a, b) == "memory_mb, file_prefix");
}

TEST_CASE("addresses follow what the kernel has, not what the last file said", "[A2]") {
    const auto both = prefixes({"192.0.2.10/24", "192.0.2.11/24"});
    const auto second = prefixes({"192.0.2.11/24"});
    // The first takes the second along when it goes: that one is put back.
    AddressPlan plan = plan_addresses(both, both, second);
    CHECK(plan.remove == prefixes({"192.0.2.10/24"}));
    CHECK(plan.keep == second);
    // Deleted by hand: what goes is not there, what stays is put back.
    plan = plan_addresses({}, both, second);
    CHECK(plan.remove.empty());
    CHECK(plan.keep == second);
    // An operator's own stay.
    const auto own = prefixes({"192.0.2.10/24", "198.51.100.1/24"});
    plan = plan_addresses(own, prefixes({"192.0.2.10/24"}), {});
    CHECK(plan.remove == prefixes({"192.0.2.10/24"}));
    CHECK(plan.keep == prefixes({"198.51.100.1/24"}));
}

TEST_CASE("a netdev that was renamed while it is a member is not free under its new name", "[renamed]") {
    World w;
    w.running = {runs(bond("bond0", {member("m0", 0), member("m1", 1)}))};
    w.running[0].netdevs = {"m0", "lan1"};
    MemberConfig renamed = member("lan1", 7);
    const auto plan = w.plan({bond("bond0", {member("m0", 0), renamed})});
    REQUIRE(plan);
    CHECK(plan.value().bonds[0].leaving == List{"m1"});
    REQUIRE(joining(plan.value().bonds[0]) == List{"lan1"});
    CHECK_FALSE(plan.value().bonds[0].joining[0].device_is_free);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <map>

#include "config/carry_out.hpp"
#include "plan_bonds.hpp"

using namespace dpdkbond;

namespace {

MemberConfig member(const std::string& name, const std::string& netdev) {
    MemberConfig m;
    m.name = name;
    m.device = "net_af_packet_" + netdev + ",iface=" + netdev;
    return m;
}

// Devices that one user can have at a time, as on a machine.
struct Machine : ReloadSteps {
    std::map<std::string, BondConfig> bonds;     // that run
    std::map<std::string, std::string> holder;   // netdev → "bond/member"
    std::map<std::string, std::string> prepared; // likewise, opened and not in use yet
    std::map<std::string, MemberConfig> waiting; // "bond/member"
    std::set<std::string> broken;                // netdevs that do not open
    std::vector<std::string> done;

    void run(const BondConfig& b) {
        bonds[b.name] = b;
        for (const auto& m : b.members) holder[netdev(m)] = b.name + "/" + m.name;
    }
    static std::string netdev(const MemberConfig& m) { return devargs_value(m.device, "iface"); }
    Result<void> take(const std::string& who, const MemberConfig& m,
                      std::map<std::string, std::string>& into) {
        if (broken.contains(netdev(m))) return Error{who + ": it does not open"};
        if (holder.contains(netdev(m)) || prepared.contains(netdev(m))) return Error{who + ": it is in use"};
        into[netdev(m)] = who;
        return {};
    }

    Result<void> open_member(const std::string& b, const Joining& j) override {
        done.push_back("open " + b + "/" + j.member.name);
        return take(b + "/" + j.member.name, j.member, prepared);
    }
    Result<void> make_bond(const NewBond& b) override {
        done.push_back("make " + b.config.name);
        for (const auto& m : b.config.members)
            if (auto taken = take(b.config.name + "/" + m.name, m, prepared); !taken) return taken;
        return {};
    }
    void forget_prepared() override { prepared.clear(); }
    void remove_bond(const std::string& b) override {
        done.push_back("remove " + b);
        std::erase_if(holder, [&](const auto& h) { return h.second.starts_with(b + "/"); });
        bonds.erase(b);
    }
    void remove_member(const std::string& b, const std::string& m) override {
        done.push_back("part " + b + "/" + m);
        std::erase_if(holder, [&](const auto& h) { return h.second == b + "/" + m; });
        std::erase_if(bonds[b].members, [&](const auto& c) { return c.name == m; });
    }
    Result<void> change(const BondPlan& plan, const BondConfig& wanted) override {
        done.push_back("change " + plan.bond);
        bonds[plan.bond].options = wanted.options;
        return {};
    }
    Result<void> join(const std::string& b, const Joining& j) override {
        done.push_back("join " + b + "/" + j.member.name);
        const std::string who = b + "/" + j.member.name;
        const auto at = prepared.find(netdev(j.member));
        if (at == prepared.end() || at->second != who) {
            if (auto taken = take(who, j.member, holder); !taken) {
                waiting[who] = j.member;
                return taken;
            }
        } else {
            holder.insert(prepared.extract(at));
        }
        bonds[b].members.push_back(j.member);
        waiting.erase(who);
        return {};
    }
    Result<void> serve(const NewBond& b) override {
        done.push_back("serve " + b.config.name);
        for (const auto& m : b.config.members) {
            const auto at = prepared.find(netdev(m));
            if (at != prepared.end())
                holder.insert(prepared.extract(at));
            else if (auto taken = take(b.config.name + "/" + m.name, m, holder); !taken)
                return taken;
        }
        bonds[b.config.name] = b.config;
        return {};
    }
    void keep_waiting(const std::string& b, const MemberConfig& m) override { waiting[b + "/" + m.name] = m; }

    Result<std::vector<std::string>> reload(const std::vector<BondConfig>& wanted,
                                            const std::set<std::string>& stale = {}) {
        done.clear();
        std::vector<BondAsItRuns> running;
        for (const auto& [name, b] : bonds) {
            BondAsItRuns& r = running.emplace_back(BondAsItRuns{b, {}});
            for (const auto& [who, m] : waiting)
                if (who.starts_with(name + "/")) r.waiting.push_back(m);
            for (const auto& m : b.members)
                if (stale.contains(netdev(m))) r.stale.insert(m.name);
        }
        const auto plan =
            plan_reload(running, wanted, {9000, [](const MemberConfig&) { return std::string(); }});
        if (!plan) return Error{plan.error()};
        return carry_out(plan.value(), wanted, *this);
    }
    [[nodiscard]] std::string holds(const std::string& netdev_name) const {
        const auto at = holder.find(netdev_name);
        return at != holder.end() ? at->second : "";
    }
};

using List = std::vector<std::string>;

} // namespace

TEST_CASE("two members change their bonds in one reload", "[A12]") {
    Machine machine;
    machine.run(bond("ba", {member("m0", "e0"), member("m1", "e1")}));
    machine.run(bond("bb", {member("m2", "e2"), member("m3", "e3")}));
    const auto done = machine.reload({bond("ba", {member("m0", "e0"), member("m3", "e3")}),
                                      bond("bb", {member("m2", "e2"), member("m1", "e1")})});
    REQUIRE(done.ok());
    CHECK(done.value().empty());
    CHECK(machine.holds("e3") == "ba/m3");
    CHECK(machine.holds("e1") == "bb/m1");
    CHECK(machine.done ==
          List{"part ba/m1", "part bb/m3", "change ba", "change bb", "join ba/m3", "join bb/m1"});
}

TEST_CASE("a member is given a name later, and members swap their names", "[A12]") {
    Machine machine;
    machine.run(bond("ba", {member("e0", "e0"), member("e1", "e1")}));
    auto done = machine.reload({bond("ba", {member("up", "e0"), member("e1", "e1")})});
    REQUIRE(done.ok());
    CHECK(done.value().empty());
    CHECK(machine.holds("e0") == "ba/up");
    done = machine.reload({bond("ba", {member("e1", "e0"), member("up", "e1")})});
    REQUIRE(done.ok());
    CHECK(done.value().empty());
    CHECK(machine.holds("e0") == "ba/e1");
    CHECK(machine.holds("e1") == "ba/up");
}

TEST_CASE("a bond gets another name and keeps its devices", "[A12]") {
    Machine machine;
    machine.run(bond("ba", {member("m0", "e0")}));
    const auto done = machine.reload({bond("bx", {member("m0", "e0")})});
    REQUIRE(done.ok());
    CHECK(done.value().empty());
    CHECK(machine.holds("e0") == "bx/m0");
    CHECK(machine.done == List{"remove ba", "serve bx"});
}

TEST_CASE("what can be had before anything changes, and is not, refuses the reload", "[H5]") {
    Machine machine;
    machine.run(bond("ba", {member("m0", "e0")}));
    machine.broken = {"e2"};
    const auto done =
        machine.reload({bond("ba", {member("m0", "e0"), member("m1", "e1"), member("m2", "e2")})});
    REQUIRE_FALSE(done.ok());
    CHECK(done.error() == "ba/m2: it does not open");
    CHECK(machine.prepared.empty());
    CHECK(machine.done == List{"open ba/m1", "open ba/m2"});
    CHECK(machine.bonds["ba"].members.size() == 1);
}

TEST_CASE("what fails later is named, stays wanted, and is tried again", "[A12]") {
    Machine machine;
    machine.run(bond("ba", {member("m0", "e0"), member("m1", "e1")}));
    machine.run(bond("bb", {member("m2", "e2")}));
    machine.broken = {"e1"};
    const std::vector<BondConfig> wanted = {bond("ba", {member("m0", "e0")}),
                                            bond("bb", {member("m2", "e2"), member("m1", "e1")})};
    auto done = machine.reload(wanted);
    REQUIRE(done.ok());
    CHECK(done.value() == List{"bb/m1: it does not open"});
    CHECK(machine.waiting.contains("bb/m1"));
    done = machine.reload(wanted);
    REQUIRE(done.ok());
    CHECK(done.value() == List{"bb/m1: it does not open"});
    machine.broken.clear();
    done = machine.reload(wanted);
    REQUIRE(done.ok());
    CHECK(done.value().empty());
    CHECK(machine.holds("e1") == "bb/m1");
}

TEST_CASE("a member whose netdev was made anew leaves before it joins again", "[A15]") {
    Machine machine;
    machine.run(bond("ba", {member("m0", "e0")}));
    const auto done = machine.reload({bond("ba", {member("m0", "e0")})}, {"e0"});
    REQUIRE(done.ok());
    CHECK(done.value().empty());
    CHECK(machine.done == List{"part ba/m0", "change ba", "join ba/m0"});
}

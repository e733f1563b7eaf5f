// SPDX-License-Identifier: BSD-3-Clause
// Programs that read /proc/net/bonding split its text by rules of their own. Each rule here is written after
// what such a program does, and is applied to every mode in every state; what Linux prints always has to be
// there always.
#include <catch2/catch.hpp>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "fake_instance.hpp"
#include "lacp/engine.hpp"
#include "ops/render.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

using Lines = std::vector<std::string>;
using Fields = std::map<std::string, std::string>;

Lines lines_of(const std::string& text) {
    Lines lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Checkmk, insights: what stands before the first colon of a line is a key. A member's block begins at "Slave
// Interface".
struct ByColon {
    Fields bond;
    std::vector<Fields> members;
};
ByColon by_colon(const std::string& text) {
    ByColon out;
    Fields* now = &out.bond;
    for (const std::string& line : lines_of(text)) {
        const auto colon = line.find(':');
        if (colon == std::string::npos) continue;
        const std::string key = trimmed(line.substr(0, colon));
        if (key == "Slave Interface") now = &out.members.emplace_back();
        now->try_emplace(key, trimmed(line.substr(colon + 1)));
    }
    return out;
}

// telegraf: the second piece of a line split at every colon is the value.
Fields second_pieces(const std::string& text) {
    Fields out;
    for (const std::string& line : lines_of(text)) {
        std::istringstream stream(line);
        std::string key, value;
        if (std::getline(stream, key, ':') && std::getline(stream, value, ':'))
            out.try_emplace(trimmed(key), trimmed(value));
    }
    return out;
}

bool is_number(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// The keys of each block in their order, without the lines that are ours alone.
std::vector<Lines> blocks(const std::string& text) {
    static const std::set<std::string> ours = {"Not usable", "Flap penalty"};
    std::vector<Lines> out(1);
    for (const std::string& line : lines_of(text)) {
        if (line.rfind("Slave Interface:", 0) == 0) out.emplace_back();
        const std::string key = line.substr(0, line.find(':'));
        if (!ours.contains(key)) out.back().push_back(key);
    }
    return out;
}

const Lines kMember = {"Slave Interface",    "MII Status",        "Speed",         "Duplex",
                       "Link Failure Count", "Permanent HW addr", "Slave queue ID"};
const Lines kPort = {"Aggregator ID",
                     "Actor Churn State",
                     "Partner Churn State",
                     "Actor Churned Count",
                     "Partner Churned Count",
                     "details actor lacp pdu",
                     "    system priority",
                     "    system mac address",
                     "    port key",
                     "    port priority",
                     "    port number",
                     "    port state",
                     "details partner lacp pdu",
                     "    system priority",
                     "    system mac address",
                     "    oper key",
                     "    port priority",
                     "    port number",
                     "    port state"};

struct State {
    const char* name;
    std::vector<int> links; // of each member: 1 up, 0 down after it was up, -1 never up
};
const std::vector<State> kStates = {
    {"empty", {}},           {"one, never up", {-1}},       {"all up", {1, 1, 1}},
    {"one down", {1, 0, 1}}, {"one never up", {1, -1, 1}},  {"first never up", {-1, 1, 0}},
    {"all down", {0, 0, 0}}, {"none ever up", {-1, -1, -1}}};

// As the program fills it in, LACP by its own engine.
BondView view_of(Mode mode, const State& state) {
    BondView v = make_bond(mode, static_cast<unsigned>(state.links.size()));
    bool any = false;
    for (std::size_t i = 0; i < state.links.size(); ++i) {
        MemberStatus& m = v.members[i].status;
        any |= state.links[i] == 1;
        if (state.links[i] == 1) continue;
        set_down(v.members[i], state.links[i] == 0 ? 1 : 0);
        m.objection = i == 0 ? "going back (updelay)" : "carrier";
        m.speed_mbps = 0;
        m.duplex = Duplex::unknown;
        m.watching.add(Watcher::flapping);
    }
    v.status.link_up = any;
    if (mode != Mode::ieee8023ad) return settled(v);
    lacp::Engine engine(1);
    const auto bond = *engine.add_bond({}, v.status.mac);
    Time now = time_from_ns(1'000'000'000);
    const auto run = [&](int seconds) {
        for (int i = 0; i < seconds * 10; ++i) {
            engine.handle_timeout(now += std::chrono::milliseconds(100));
            while (engine.poll_transmit()) {
            }
            while (engine.poll_event()) {
            }
        }
    };
    for (const MemberView& m : v.members) engine.add_port({bond, m.status.id}, m.status.perm_mac, {255}, now);
    for (std::size_t i = 0; i < state.links.size(); ++i)
        if (state.links[i] >= 0) engine.handle_link({bond, v.members[i].status.id}, true, 10000, true, now);
    run(8);
    for (std::size_t i = 0; i < state.links.size(); ++i)
        if (state.links[i] == 0) engine.handle_link({bond, v.members[i].status.id}, false, 0, true, now);
    run(70);
    engine.status(bond, v.lacp.emplace());
    return settled(v);
}

template <class Check> void in_every_state(Check check) {
    for (unsigned mode = 0; mode < kModeCount; ++mode)
        for (const State& state : kStates) {
            const BondView view = view_of(static_cast<Mode>(mode), state);
            const std::string text = render_proc(view);
            INFO(text);
            check(view, text);
        }
}

} // namespace

TEST_CASE("every line that Linux prints of a member is there in every mode and state", "[field-8]") {
    in_every_state([](const BondView& view, const std::string& text) {
        Lines expected = kMember;
        if (view.status.mode == Mode::ieee8023ad) expected.insert(expected.end(), kPort.begin(), kPort.end());
        const auto found = blocks(text);
        REQUIRE(found.size() == view.members.size() + 1);
        for (std::size_t i = 1; i < found.size(); ++i) {
            Lines block = found[i];
            if (!block.empty() && block.back().empty()) block.pop_back(); // the blank line before the next
            CHECK(block == expected);
        }
    });
}

TEST_CASE("a port without a link has an aggregator of its own and a key without a speed, as on Linux",
          "[field-8]") {
    for (const State& state : kStates) {
        const auto text = by_colon(render_proc(view_of(Mode::ieee8023ad, state)));
        std::set<std::string> ids;
        for (std::size_t i = 0; i < state.links.size(); ++i) {
            INFO(state.name << ", member " << i);
            CHECK(text.members[i].at("Aggregator ID") != "0");
            CHECK(ids.insert(text.members[i].at("Aggregator ID")).second); // nobody answers, so each is alone
            CHECK((text.members[i].at("port key") == "0") == (state.links[i] != 1));
        }
        const bool any = std::ranges::find(state.links, 1) != state.links.end();
        CHECK(text.bond.contains("Number of ports") == any);
    }
}

TEST_CASE("Checkmk and insights find numbers where they look for them", "[field-8]") {
    in_every_state([](const BondView& view, const std::string& text) {
        const ByColon read = by_colon(text);
        CHECK(read.bond.contains("Bonding Mode"));
        CHECK(read.bond.at("MII Status") == (view.status.link_up ? "up" : "down"));
        for (const Fields& member : read.members) {
            CHECK(is_number(member.at("Link Failure Count")));
            CHECK(is_number(member.at("Slave queue ID")));
            CHECK(std::regex_match(member.at("Speed"), std::regex("\\d+ Mbps|Unknown")));
            CHECK(std::regex_match(member.at("Duplex"), std::regex("full|half|Unknown")));
            if (view.status.mode == Mode::ieee8023ad)
                for (const char* key : {"Aggregator ID", "Actor Churned Count", "Partner Churned Count",
                                        "port key", "oper key", "port state"})
                    CHECK(is_number(member.at(key)));
        }
    });
}

TEST_CASE("insights knows the words of every mode of Linux", "[field-8]") {
    const std::set<std::string> known = {
        "load balancing (round-robin)", "fault-tolerance (active-backup)",       "load balancing (xor)",
        "fault-tolerance (broadcast)",  "IEEE 802.3ad Dynamic link aggregation", "transmit load balancing",
        "adaptive load balancing"};
    for (unsigned mode = 0; mode < 7; ++mode)
        CHECK(known.contains(
            by_colon(render_proc(make_bond(static_cast<Mode>(mode)))).bond.at("Bonding Mode")));
}

TEST_CASE("telegraf, facter and scripts find each member's name and state", "[field-8][field-10]") {
    for (const char* name : {"m0", "0000-01-00.0", "enp1s0f0np0", "eth0.100"}) {
        BondView v = make_bond(Mode::active_backup);
        v.members[0].status.name = name;
        v.status.active_member = v.status.primary = MemberId{0};
        v.members[0].status.objection = "arp 192.0.2.1";
        const std::string text = render_proc(settled(v));
        const auto at = text.find("Slave Interface:");
        const Fields bond = second_pieces(text.substr(0, at)), member = second_pieces(text.substr(at));
        CHECK(bond.at("Currently Active Slave") == name);
        CHECK(bond.at("Primary Slave") == std::string(name) + " (primary_reselect always)");
        CHECK(member.at("Slave Interface") == name);
        CHECK(member.at("MII Status") == "up");
        std::smatch found;
        const std::string escaped = std::regex_replace(std::string(name), std::regex("\\."), "\\.");
        CHECK(std::regex_search(text, found,
                                std::regex("Slave Interface: " + escaped +
                                           "\n(?:.+\n)+?Permanent HW addr: (([0-9a-fA-F]{2}:?)*)\n")));
        CHECK(found[1] == "02:00:00:00:00:01");
        // awk: the third word of "Slave Interface: X" and of "MII Status: X"
        std::istringstream line(text.substr(at));
        std::string one, two, three;
        line >> one >> two >> three;
        CHECK(three == name);
    }
}

// SPDX-License-Identifier: BSD-3-Clause
// The telemetry commands over DPDK's real socket.
#include <catch2/catch.hpp>

#include <cstdio>
#include <map>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "bond/spray_table.hpp"
#include "eal_prefix.hpp"
#include "fake_instance.hpp"
#include "ops/client.hpp"
#include "ops/client_json.hpp"
#include "ops/render.hpp"
#include "ops/telemetry.hpp"
#include "registered.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;
using Json = nlohmann::json;

namespace {

Json ask(const std::string& command) {
    const auto answer = query(eal_prefix(), command);
    REQUIRE(answer.ok());
    const Json json = Json::parse(answer.value());
    REQUIRE(json.size() == 1);
    return json.front();
}

std::vector<std::string> keys(const Json& dict) {
    std::vector<std::string> names;
    for (const auto& [key, value] : dict.items()) names.push_back(key);
    return names;
}

} // namespace

TEST_CASE("bond/list names the bonds, none before and after") {
    CHECK(ask("/bond/list").is_null());
    {
        const Registered r;
        CHECK(ask("/bond/list") == Json::parse(R"(["bond0"])"));
    }
    CHECK(ask("/bond/list").is_null());
}

TEST_CASE("bond/info has exactly the keys that scripts rely on") {
    Registered r;
    r.bond0().status.active_member = MemberId{1};
    r.bond0().members[0].status.usable = false;
    const Json info = ask("/bond/info,bond0");
    CHECK(keys(info) == std::vector<std::string>{"active_member", "failover_gap", "failovers", "hash_policy",
                                                 "link_up", "logical", "mac", "members", "mode", "mode_id",
                                                 "mtu", "name", "options", "primary", "usable_members"});
    CHECK(info["mode"] == "active-backup");
    CHECK(info["mode_id"] == 1);
    CHECK(info["active_member"] == "m1");
    CHECK(info["primary"] == "");
    CHECK(info["members"] == Json::parse(R"(["m0","m1"])"));
    CHECK(info["usable_members"] == 1);
    CHECK(info["logical"] == Json::parse(R"({"backend":"tap","name":"bond0"})"));
    CHECK(info["options"]["miimon"] == 100);
    CHECK(info["options"]["primary_reselect"] == "always");
    CHECK(info["options"]["active_slave"] == "m1"); // a state, as in Linux
    CHECK(info["options"]["prio"] == Json::parse(R"(["m0:0","m1:0"])"));
}

TEST_CASE("bond/info tells what a netdev asks for") {
    Registered r;
    LogicalView& l = r.bond0().logical;
    l.known = l.up = l.all_groups = true;
    l.mac = Mac{{2, 0xbd, 0, 0, 0, 1}};
    l.unicast = 2;
    l.groups = 5;
    l.addresses = 3;
    l.vlans = {7, 100};
    r.bond0().status.mtu = 1400;
    r.bond0().status.speed_mbps = 20000;
    CHECK(ask("/bond/info,bond0")["logical"] == Json::parse(R"({"backend":"tap","name":"bond0","up":1,
        "mac":"02:bd:00:00:00:01","mtu":1400,"speed_mbps":20000,"promiscuous":0,"allmulticast":1,"unicast":2,
        "groups":5,"addresses":3,"vlans":["7","100"]})"));
}

TEST_CASE("bond/member and bond/stats have exactly the keys that scripts rely on") {
    Registered r;
    r.bond0().members[1].counters.tx_bytes = ~0ULL;
    r.bond0().members[1].counters.missed = 71; // [M9]
    r.bond0().members[1].counters.no_buffer = 72;
    r.bond0().members[1].counters.rx_errors = 73;
    r.bond0().members[1].counters.tx_errors = 74;
    r.bond0().members[1].status.mii = MiiStatus::going_back;
    r.bond0().counters.drops[0] = 9;
    const Json member = ask("/bond/member,bond0,m1");
    CHECK(keys(member) ==
          std::vector<std::string>{"allmulticast",  "carrier",    "control_rx",  "control_tx",
                                   "device",        "drops",      "duplex",      "filter",
                                   "link_failures", "mac",        "mii_status",  "missed",
                                   "mtu",           "name",       "no_buffer",   "objection",
                                   "perm_mac",      "port_id",    "promiscuous", "rx_bytes",
                                   "rx_errors",     "rx_packets", "speed_mbps",  "state",
                                   "tx_bytes",      "tx_errors",  "tx_packets",  "unusable_since",
                                   "usable",        "watchers"});
    CHECK(member["mii_status"] == "going_back");
    CHECK(member["tx_bytes"] == ~0ULL);
    CHECK(member["missed"] == 71);
    CHECK(member["no_buffer"] == 72);
    CHECK(member["rx_errors"] == 73);
    CHECK(member["tx_errors"] == 74);
    // Of a member whose offloads are known, who does what.
    const auto by = [](const char* checksum, const char* tcp, const char* udp, const char* rx) {
        return Json({{"checksum", checksum},
                     {"tcp_segmentation", tcp},
                     {"udp_segmentation", udp},
                     {"rx_checksum", rx},
                     {"cut_in_software", 75}});
    };
    r.bond0().members[1].counters.cut_in_software = 75;
    r.bond0().members[1].offloads = Offloads::none;
    CHECK(ask("/bond/member,bond0,m1")["offloads"] == by("software", "software", "software", "software"));
    r.bond0().members[1].offloads = Offloads::nic_checksum;
    CHECK(ask("/bond/member,bond0,m1")["offloads"] == by("member", "software", "software", "software"));
    r.bond0().members[1].checks_received = true;
    for (const Offloads tcp : {Offloads::nic_tcp, Offloads::tcp}) {
        r.bond0().members[1].offloads = tcp;
        CHECK(ask("/bond/member,bond0,m1")["offloads"] == by("member", "member", "software", "member"));
    }
    r.bond0().members[1].offloads = Offloads::all;
    CHECK(ask("/bond/member,bond0,m1")["offloads"] == by("member", "member", "member", "member"));
    MemberStatus& watched = r.bond0().members[1].status;
    watched.watching.add(Watcher::carrier).add(Watcher::arp).add(Watcher::flapping);
    watched.objecting.add(Watcher::arp);
    watched.objection = "arp 192.0.2.1";
    watched.flap_penalty = 1500.4;
    const Json held = ask("/bond/member,bond0,m1");
    CHECK(held["watchers"] == Json({{"carrier", "up"}, {"arp", "down"}, {"flapping", "up"}}));
    CHECK(held["objection"] == "arp 192.0.2.1");
    CHECK(held["flap_penalty"] == 1500);
    CHECK(held["flap_suppressed"] == 0);
    const Json stats = ask("/bond/stats,bond0");
    CHECK(keys(stats) == std::vector<std::string>{"answered", "copied", "copies_lost", "drops", "held",
                                                  "held_overflow", "injected", "left_rx_packets",
                                                  "left_tx_packets", "merged", "punted", "reordered",
                                                  "rx_bytes", "rx_packets", "tx_bytes", "tx_packets"});
    CHECK(stats["drops"].size() == kDropReasons);
    CHECK(stats["drops"][std::string(kDropReasonNames[0])] == 9);
}

TEST_CASE("what is not known answers null") {
    const Registered r;
    for (const char* command :
         {"/bond/info", "/bond/info,", "/bond/info,bond1", "/bond/info,bond0,m0", "/bond/stats,x",
          "/bond/member,bond0", "/bond/member,bond0,m9", "/bond/member,,", "/bond/events,bond1",
          "/bond/events,bond0,x", "/bond/events,bond0,-1", "/bond/explain,bond1,src=192.0.2.1",
          "/bond/load,bond0", "/bond/lacp,bond0", "/bond/rlb,bond0", "/bond/spray,bond0"})
        CHECK(ask(command).is_null());
}

TEST_CASE("a member named by its PCI address or in odd characters is found and shown") {
    Registered r;
    r.bond0().members[0].status.name = "0000:01:00.0";
    r.bond0().members[1].status.device = "net_x,args=\"a\\b\"\n";
    CHECK(ask("/bond/member,bond0,0000:01:00.0")["name"] == "0000:01:00.0");
    CHECK(ask("/bond/member,bond0,m1")["device"] == "net_x,args=\"a\\b\"?");
}

TEST_CASE("a bond of 32 members with the longest names is told in one answer") {
    Registered r;
    r.bond0() = make_bond(Mode::balance_rr, kMaxMembers);
    for (std::size_t i = 0; i < kMaxMembers; ++i)
        r.bond0().members[i].status.name = std::string(60, 'n') + std::to_string(10 + i);
    const Json info = ask("/bond/info,bond0");
    CHECK(info["members"].size() == kMaxMembers);
    CHECK(info["options"]["prio"].size() == kMaxMembers);
    CHECK(info["usable_members"] == kMaxMembers);
}

TEST_CASE("events come oldest first, and pages follow one another without gap") {
    Registered r;
    CHECK(ask("/bond/events,bond0") == Json::array());
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < kEventHistory; ++i) {
        all.push_back(1'000'000'000'000 + static_cast<std::int64_t>(i));
        r.instance.history.push_back(past(make_event(all.back(), EventKind::active_changed, "m0",
                                                     std::string(i % 128, i % 2 != 0 ? '"' : 'x')),
                                          1'764'327'600'123'456'789, i % 3));
    }
    const Json newest = ask("/bond/events,bond0");
    CHECK(keys(newest.back()) == std::vector<std::string>{"detail", "event", "member", "t_ns", "time"});
    CHECK(newest.back()["time"] == "2025-11-28T11:00:00.123Z");
    CHECK(newest == ask("/bond/events,bond0,0"));
    std::vector<std::int64_t> told;
    for (int page = 0;; ++page) {
        const Json entries = ask("/bond/events,bond0," + std::to_string(page));
        if (entries.empty()) break;
        std::vector<std::int64_t> times;
        for (const Json& entry : entries) times.push_back(entry["t_ns"]);
        told.insert(told.begin(), times.begin(), times.end());
    }
    CHECK(told == all);
}

TEST_CASE("bond/spray tells of peers and paths, some at a time, and the client puts the pages together") {
    Registered r;
    SprayView v;
    v.options.addresses = {{"0000:01:00.0", IpPrefix{false, {{10, 0, 1, 1}}, {}, 24}}};
    for (unsigned p = 0; p < kMaxSprayPeers; ++p) {
        SprayPeerView peer{"10.99.255." + std::to_string(p + 1), {}};
        for (unsigned m = 0; m < 4; ++m)
            peer.paths.push_back({"m" + std::to_string(m), "10.0.1.2", Mac{{2, 0, 0, 0, 0, 1}}, "asking", 255,
                                  0xffff'ffff'ffffU});
        v.peers.push_back(peer);
    }
    r.instance.paths = v;
    const Json first = ask("/bond/spray,bond0");
    CHECK(first["granularity"] == "packet");
    CHECK(first["addresses"]["0000_01_00_0"] == "10.0.1.1/24");
    CHECK(first["peers"].size() == 16);
    CHECK(first["peers"]["10_99_255_1"]["address"] == "10.99.255.1");
    CHECK(first["peers"]["10_99_255_16"]["paths"]["m3"] == Json({{"member", "m3"},
                                                                 {"next_hop", "10.0.1.2"},
                                                                 {"mac", "02:00:00:00:00:01"},
                                                                 {"state", "asking"},
                                                                 {"weight", 255},
                                                                 {"frames", 0xffff'ffff'ffffU}}));
    CHECK(ask("/bond/spray,bond0,3")["peers"].size() == 16);
    CHECK(ask("/bond/spray,bond0,4")["peers"].empty());
    CHECK(ask("/bond/spray,bond0,x").is_null());
    const std::string text = printed([] { return status_command(eal_prefix(), "bond0", false); }).second;
    CHECK(text.find("Spray Peer: 10.99.255.64, 0 of 4 paths up\n") != std::string::npos);
    const Json whole =
        Json::parse(printed([] { return status_command(eal_prefix(), "bond0", true); }).second);
    CHECK(whole["spray"]["peers"].size() == kMaxSprayPeers);
}

TEST_CASE("bond/status is the status text in pages, and the client puts them together") {
    Registered r;
    r.bond0() = make_bond(Mode::active_backup, kMaxMembers);
    r.bond0().health = HealthView{Health::degraded, 12'000'000'000, "m0: carrier"};
    const std::string text = render_proc(*r.instance.bond("bond0"));
    CHECK(text.size() > 4096); // more than a page
    CHECK(ask("/bond/status,bond0") == ask("/bond/status,bond0,0"));
    std::string whole;
    for (int page = 0;; ++page) {
        const Json part = ask("/bond/status,bond0," + std::to_string(page));
        if (part.is_null()) break;
        whole += part.get<std::string>();
    }
    CHECK(whole == text);
    CHECK(printed([] { return status_command(eal_prefix(), "bond0", false); }) == std::pair(0, text));
    CHECK(ask("/bond/status,bond9").is_null());
    CHECK(ask("/bond/status,bond0,x").is_null());
}

TEST_CASE("a bond's health is in its info, and is the exit status of the client") {
    Registered r;
    const auto run = [] { return printed([] { return health_command(eal_prefix(), std::nullopt, false); }); };
    for (const Health state : {Health::ok, Health::degraded, Health::down}) {
        r.bond0().health = HealthView{state, 12'000'000'000, state == Health::ok ? "" : "m0: carrier"};
        const Json health = ask("/bond/info,bond0")["health"];
        CHECK(health == Json({{"state", health_name(state)},
                              {"since", "1970-01-01T00:00:12Z"},
                              {"why", state == Health::ok ? "" : "m0: carrier"}}));
        const auto [code, text] = run();
        CHECK(code == static_cast<int>(state));
        CHECK_THAT(text, Catch::StartsWith("bond0: " + std::string(health_name(state)) +
                                           " since 1970-01-01T00:00:12Z"));
    }
    CHECK(health_command(eal_prefix(), "bond9", false) == 3);
    CHECK(health_command("nobody-has-this", std::nullopt, false) == 2);
}

TEST_CASE("bond/load tells a balancing mode's load by member and bucket [M24]", "[M24]") {
    Registered r;
    r.instance.shares = {{"m0", 3}, {"m1", 2, 1000, {{4, 700}, {0, 200}, {kUnspreadFlows, 100}}}};
    CHECK(ask("/bond/load,bond0") ==
          Json::parse(R"([{"member":"m0","buckets":3},{"member":"m1","buckets":2,"bytes_per_s":1000,
                           "by_bucket":{"4":700,"0":200,"unspread":100}}])"));
    CHECK(ask("/bond/load,bond0,x").is_null());
}

TEST_CASE("bond/load tells of many buckets the busiest, and the others on further pages [M24]", "[M24]") {
    Registered r;
    r.instance.shares.resize(3);
    for (std::uint32_t b = 0; b < 1024; ++b)
        r.instance.shares[b % 3].by_bucket.push_back({b, 40'000'000'000 - b * 1000ULL});
    std::set<std::string> seen;
    for (unsigned page = 0; page < 5; ++page) {
        const Json answer = ask("/bond/load,bond0," + std::to_string(page));
        REQUIRE(answer.size() == 3);
        for (const auto& member : answer)
            if (member.contains("by_bucket"))
                for (const auto& [bucket, rate] : member["by_bucket"].items()) {
                    CHECK(std::stoul(bucket) / 256 == page);
                    CHECK(seen.insert(bucket).second);
                }
    }
    CHECK(seen.size() == 1024);
}

TEST_CASE("bond/explain answers for a flow and says what it cannot read") {
    const Registered r;
    const Json e = ask("/bond/explain,bond0,src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=1,dport=2");
    CHECK(e["member"] == "m1");
    CHECK(e["bucket"] == 4);
    CHECK(ask("/bond/explain,bond0,src=nonsense")["error"].is_string());
}

TEST_CASE("an instance may register again, from other threads' view at once") {
    std::vector<std::thread> clients;
    std::atomic<int> answers{0};
    for (int i = 0; i < 4; ++i)
        clients.emplace_back([&] {
            auto client = TelemetryClient::connect(eal_prefix());
            for (int n = 0; client && n < 200; ++n)
                if (client.value().ask("/bond/info,bond0")) ++answers;
        });
    for (int i = 0; i < 20; ++i) const Registered r;
    for (std::thread& client : clients) client.join();
    CHECK(answers == 4 * 200);
}

TEST_CASE("dpdk-bond status prints what the bond would print") {
    Registered r;
    r.bond0().status.active_member = MemberId{0};
    r.bond0().status.primary = MemberId{0};
    r.bond0().options.updelay = 300;
    set_down(r.bond0().members[1], 2);
    const auto expected = render_proc(settled(r.bond0()));
    CHECK(printed([] { return status_command(eal_prefix(), "bond0", false); }) == std::pair(0, expected));
    CHECK(printed([] { return status_command(eal_prefix(), std::nullopt, false); }) ==
          std::pair(0, expected));

    r.instance.bonds.push_back(make_bond(Mode::balance_rr, 0));
    r.instance.bonds[1].status.name = "bond1";
    const auto [code, text] = printed([] { return status_command(eal_prefix(), std::nullopt, false); });
    CHECK(code == 0);
    CHECK(text == "==> bond0 <==\n" + expected + "\n==> bond1 <==\n" + render_proc(r.instance.bonds[1]));

    const auto [json_code, json_text] = printed([] { return status_command(eal_prefix(), "bond0", true); });
    CHECK(json_code == 0);
    CHECK(Json::parse(json_text)["member"]["m1"]["link_failures"] == 2);
}

TEST_CASE("the client's exit codes: 1 for nobody and no such bond, 2 for a flow that is none") {
    const Registered r;
    CHECK(status_command(eal_prefix() + "-not", std::nullopt, false) == 1);
    CHECK(status_command(eal_prefix(), "bond7", false) == 1);
    CHECK(status_command(std::string(300, 'x'), std::nullopt, true) == 1);
    CHECK(explain_command(eal_prefix(), "bond0", "src=nonsense") == 2);
    CHECK(explain_command(eal_prefix(), "bond7", "src=192.0.2.1") == 1);
    CHECK(printed([] { return explain_command(eal_prefix(), "bond0", "src=192.0.2.1"); }) ==
          std::pair(0, std::string("hash 0x2f3a1b04, bucket 4 of 6: m1\nlayer2+3 of the frame\n")));
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fake_instance.hpp"
#include "ops/client_json.hpp"
#include "ops/render.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

const std::string kInfo =
    R"({"name":"bond0","mode":"active-backup","mode_id":1,"link_up":1,"active_member":"m1",
    "primary":"m1","mac":"02:00:00:00:00:01","mtu":1500,"members":["m0","m1"],"usable_members":1,
    "hash_policy":"layer2","failovers":1,"logical":{"backend":"tap","name":"bond0"},
    "options":{"miimon":100,"updelay":200,"primary_reselect":"better","arp_ip_target":[],"prio":["m0:-3","m1:7"]}})";

std::string member_json(const std::string& name, const std::string& mii, const std::string& failures) {
    return R"({"name":")" + name + R"(","device":"net_null0","port_id":1,"carrier":1,"mii_status":")" + mii +
           R"(","state":"active","usable":1,"speed_mbps":0,"duplex":"unknown","link_failures":)" + failures +
           R"(,"mac":"02:00:00:00:00:01","perm_mac":"02:00:00:00:00:02","rx_packets":18446744073709551615,
           "rx_bytes":2,"tx_packets":3,"tx_bytes":4,"drops":{"no_member":5}})";
}

} // namespace

TEST_CASE("a bond read from its JSON renders as the bond did") {
    const auto view =
        bond_from_json(kInfo, {member_json("m0", "going_back", "3"), member_json("m1", "up", "0")});
    REQUIRE(view.ok());
    const BondView& v = view.value();
    CHECK(v.status.mode == Mode::active_backup);
    CHECK(member_name(v.status, v.status.active_member) == "m1");
    CHECK(v.options.updelay == 200);
    CHECK(v.members[0].status.options.prio == -3);
    CHECK(v.members[1].status.options.prio == 7);
    CHECK(v.members[0].counters.rx_packets == 18446744073709551615ULL);
    CHECK(v.members[0].counters.drops[static_cast<std::size_t>(DropReason::no_member)] == 5);
    const std::string text = render_proc(v);
    CHECK_THAT(text,
               Catch::Contains("Primary Slave: m1 (primary_reselect better)\nCurrently Active Slave: m1\n"));
    CHECK_THAT(
        text, Catch::Contains("Slave Interface: m0\nMII Status: going back\nSpeed: Unknown\nDuplex: Unknown\n"
                              "Link Failure Count: 3\nPermanent HW addr: 02:00:00:00:00:02\n"));
}

TEST_CASE("objections and penalties are read where they are told") {
    std::string held = member_json("m0", "going_back", "3");
    held.insert(
        1,
        R"("watchers":{"carrier":"up","flapping":"down"},"objection":"flapping","flap_penalty":2100,"flap_suppressed":1,)");
    const auto view = bond_from_json(kInfo, {held, member_json("m1", "up", "0")});
    REQUIRE(view.ok());
    const std::string text = render_proc(view.value());
    CHECK_THAT(text, Catch::Contains(
                         "Not usable: flapping\nFlap penalty: 2100 (suppressed)\n\nSlave Interface: m1"));
    CHECK(text.find("Flap penalty", text.find("Slave Interface: m1")) == std::string::npos);
}

TEST_CASE("a bond without an active member or a primary has neither") {
    std::string info = kInfo;
    for (const char* key : {"active_member", "primary"})
        info.replace(info.find("\"m1\"", info.find(key)), 4, "\"\"");
    const auto view = bond_from_json(info, {});
    REQUIRE(view.ok());
    CHECK(view.value().status.active_member == kNoMember);
    CHECK(view.value().status.primary == kNoMember);
}

TEST_CASE("answers that are not dpdk-bond's are one line of error") {
    for (const char* bad :
         {"", "null", "{", "[]", "{}", "{\"name\":1}", "\xff\xfe", "{\"name\":\"bond0\"}"}) {
        const auto view = bond_from_json(bad, {});
        REQUIRE_FALSE(view.ok());
        CHECK(view.error().find('\n') == std::string::npos);
    }
    CHECK_FALSE(bond_from_json(kInfo, {"{}"}).ok());
    CHECK_FALSE(names_from_json("null").ok());
    CHECK_FALSE(names_from_json("[1]").ok());
    CHECK_FALSE(answer_payload("[1]").ok());
    CHECK_FALSE(answer_payload("{\"a\":1,\"b\":2}").ok());
    CHECK(answer_payload("{\"/bond/list\":[\"bond0\"]}").value() == "[\"bond0\"]");
}

TEST_CASE("an explanation is read, and its error is an error") {
    const auto e = explanation_from_json(
        R"({"hashed":1,"hash":4294967295,"bucket":4,"buckets":6,"member":"m1","reason":"so"})");
    REQUIRE(e.ok());
    CHECK(render_explain(e.value()) == "hash 0xffffffff, bucket 4 of 6: m1\nso\n");
    CHECK(explanation_from_json(R"({"error":"src: what"})").error() == "src: what");
    CHECK_FALSE(explanation_from_json("null").ok());
}

TEST_CASE("status as JSON keeps telemetry's keys and adds members and counters") {
    const BondAnswers bond{
        "bond0", R"({"name":"bond0","members":["m0"]})", R"({"rx_packets":1})", {"m0"}, {"{\"usable\":1}"}};
    CHECK(status_json(bond) ==
          "{\n  \"name\": \"bond0\",\n  \"members\": [\n    \"m0\"\n  ],\n  \"member\": {\n"
          "    \"m0\": {\n      \"usable\": 1\n    }\n  },\n  \"stats\": {\n"
          "    \"rx_packets\": 1\n  }\n}\n");
    CHECK(status_json(std::vector<BondAnswers>{}) == "{}\n");
    CHECK_THAT(status_json(std::vector{bond}), Catch::StartsWith("{\n  \"bond0\": {"));
}

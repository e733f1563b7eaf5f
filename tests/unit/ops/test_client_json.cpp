// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fake_instance.hpp"
#include "ops/client_json.hpp"
#include "ops/render.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {} // namespace

TEST_CASE("answers that are not dpdk-bond's are one line of error") {
    for (const char* bad :
         {"", "null", "{", "[]", "{}", "{\"health\":1}", "\xff\xfe", "{\"name\":\"bond0\"}"}) {
        const auto health = health_from_json(bad);
        REQUIRE_FALSE(health.ok());
        CHECK(health.error().find('\n') == std::string::npos);
    }
    CHECK_FALSE(string_from_json("7").ok());
    CHECK(string_from_json(R"("a\nb")").value() == "a\nb");
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

TEST_CASE("reasons that telemetry has no room for are those of the status text") {
    const std::string info =
        R"({"name":"bond0","health":{"state":"degraded","since":"2026-11-28T03:00:12Z","why":"m0: carrier; ..."}})";
    const std::string text =
        "Bonding Mode: x\nHealth: degraded since 2026-11-28T03:00:12Z: m0: carrier; m1: y\n\n";
    CHECK(health_from_json(with_all_reasons(info, text)).value().why == "m0: carrier; m1: y");
    CHECK(with_all_reasons(info, "Health: ok\n") == info); // it has changed meanwhile
}

TEST_CASE("a bond's health is read from its info") {
    const std::string info =
        R"({"name":"bond0","health":{"state":"degraded","since":"2026-11-28T03:00:12Z","why":"m0: carrier"}})";
    const auto health = health_from_json(info);
    REQUIRE(health.ok());
    CHECK(health.value().state == Health::degraded);
    CHECK(health.value().since == "2026-11-28T03:00:12Z");
    CHECK(health.value().why == "m0: carrier");
    CHECK(health_json({}) == "{}\n");
    CHECK_THAT(health_json({{"bond0", info}}),
               Catch::StartsWith("{\n  \"bond0\": {\n    \"state\": \"degraded\",\n"));
}

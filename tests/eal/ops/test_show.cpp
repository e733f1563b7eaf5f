// SPDX-License-Identifier: BSD-3-Clause
// `dpdk-bond show … --json` on DPDK's real socket.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "eal_prefix.hpp"
#include "ops/client.hpp"
#include "ops/client_json.hpp"
#include "ops/console_grammar.hpp"
#include "ops/console_list.hpp"
#include "registered.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;
using Json = nlohmann::json;

namespace {

Result<std::string> length_of(const std::string& yaml) { return std::to_string(yaml.size()); }

std::pair<int, std::string> show(const std::string& words) {
    return printed([&] { return show_command(eal_prefix(), split_words(words).value(), true, length_of); });
}

Json shown(const std::string& words) {
    const auto [code, text] = show(words);
    INFO(words);
    REQUIRE(code == 0);
    return Json::parse(text);
}

} // namespace

TEST_CASE("every show of the console has JSON") {
    Registered r;
    r.bond0() = make_bond(Mode::ieee8023ad);
    r.bond0().lacp.emplace();
    r.instance.shares = {{"m0", 3}};
    r.instance.paths.emplace();
    r.instance.rlb_clients.emplace();
    unsigned tried = 0;
    for (const Syntax& syntax : console_syntaxes()) {
        if (syntax.slots[0] != "show") continue;
        std::string words;
        for (std::size_t i = 1; i < syntax.slots.size(); ++i) {
            const std::string_view slot = syntax.slots[i];
            words += (i > 1 ? " " : "") + std::string(slot == "NAME"     ? "bond0"
                                                      : slot == "MEMBER" ? "m0"
                                                                         : slot);
        }
        const Json json = shown(words);
        CHECK(json.is_structured() + json.is_number() == 1); // the number: length_of() a configuration
        ++tried;
    }
    CHECK(tried == 14);
}

TEST_CASE("show --json is of what is asked for, in the shortest words too") {
    Registered r;
    CHECK(shown("bonds")["bond0"]["mode"] == "active-backup");
    CHECK(shown("bond bond0")["member"].contains("m0"));
    CHECK(shown("bo bond0 st").contains("drops"));
    CHECK(shown("member bond0 m1")["name"] == "m1");
    CHECK(shown("version")["version"] == shown("uptime")["version"]);
    CHECK(shown("bond bond0 config") == Json(std::string("name: bond0\nmode: balance-rr\n").size()));
}

TEST_CASE("show --json puts pages together: all events, oldest first, and all buckets") {
    Registered r;
    for (int i = 0; i < 256; ++i)
        r.instance.history.push_back(
            past(make_event(1'000 + i, EventKind::active_changed, "m0", std::string(120, 'x'))));
    const Json events = shown("bond bond0 events");
    REQUIRE(events.size() == 256);
    for (int i = 0; i < 256; ++i) CHECK(events[i]["t_ns"] == 1000 + i);
    r.instance.shares.resize(2);
    for (std::uint32_t b = 0; b < 1024; ++b) r.instance.shares[b % 2].by_bucket.push_back({b, 1'000'000 + b});
    const Json load = shown("bond bond0 load");
    REQUIRE(load.size() == 2);
    CHECK(load[0]["by_bucket"].size() + load[1]["by_bucket"].size() == 1024);
}

TEST_CASE("show --json of what is not there is refused in one line") {
    const Registered r;
    for (const char* words :
         {"bond bond0 lacp", "bond bond0 load", "bond bond0 rlb", "bond nobond stats", "member bond0 m9"})
        CHECK(show(words) == std::pair(1, std::string()));
    CHECK(show("bond bond0 nothing").first == 2);
    CHECK(show("").first == 2);
}

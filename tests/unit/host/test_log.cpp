// SPDX-License-Identifier: BSD-3-Clause
// What a storm leaves of itself in the log, and how a line is written.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "host/log.hpp"

using namespace dpdkbond;

namespace {

constexpr Duration kSecond = std::chrono::seconds(1);

LogEntry line(const std::string& kind, int number) {
    LogEntry e;
    e.text = kind + " " + std::to_string(number);
    e.kind = kind;
    e.wall_us = number;
    return e;
}

LogEntry carrier_down() {
    LogEntry e;
    e.text = "bond0 m0: carrier_down: \"x\"";
    e.fields = {{"bond", "bond0"}, {"event", "carrier_down"}, {"member", "m0"}, {"detail", "\"x\""}};
    e.wall_us = 1'764'327'600'123'456;
    return e;
}

} // namespace

TEST_CASE("of a storm the first lines, the last of each window, and the number of the others are written",
          "[log]") {
    LogLimit limit;
    std::vector<std::string> written;
    std::uint64_t untold = 0;
    const auto write = [&](const LogEntry& e) {
        written.push_back(e.text);
        untold += e.more;
    };
    Time now{Duration{1}};
    int said = 0;
    for (; said < 3000; now += kSecond / 100) { // 30 s
        for (const LogEntry& e : limit.due(now)) write(e);
        if (const LogEntry e = line("down", said++); limit.pass(e, now)) write(e);
    }
    for (const LogEntry& e : limit.due(now + LogLimit::kWindow)) write(e);
    CHECK(written.front() == "down 0");
    CHECK(written.back() == "down 2999");
    CHECK(written.size() == LogLimit::kWhole + 2 * LogLimit::kInStorm + 3);
    CHECK(written.size() + untold == 3000);
    CHECK(limit.due(now + 10 * LogLimit::kWindow, true).empty());
    CHECK(limit.pass(line("down", 3000), now + 20 * LogLimit::kWindow));
}

TEST_CASE("kinds are limited each for itself, and what has none is not", "[log]") {
    LogLimit limit;
    const Time now{Duration{1}};
    for (unsigned i = 0; i < LogLimit::kWhole; ++i) CHECK(limit.pass(line("down", 1), now));
    CHECK_FALSE(limit.pass(line("down", 2), now));
    CHECK(limit.pass(line("up", 3), now));
    for (int i = 0; i < 100; ++i) CHECK(limit.pass(line("", i), now));
    const auto last = limit.due(now, true); // the program ends
    REQUIRE(last.size() == 1);
    CHECK(last[0].text == "down 2");
    CHECK(last[0].more == 0);
}

TEST_CASE("lines that were held back come in the order in which they were said", "[log]") {
    LogLimit limit;
    const Time now{Duration{1}};
    for (int i = 0; i < 20; ++i) {
        (void)limit.pass(line("up", 2 * i), now);
        (void)limit.pass(line("down", 2 * i + 1), now);
    }
    const auto last = limit.due(now + LogLimit::kWindow);
    REQUIRE(last.size() == 2);
    CHECK(last[0].text == "up 38");
    CHECK(last[1].text == "down 39");
}

TEST_CASE("a line as text, as JSON and as an entry of the journal", "[log]") {
    LogEntry e = carrier_down();
    CHECK(log_text(e).ends_with(" info bond0 m0: carrier_down: \"x\"\n"));
    CHECK(log_text(e).substr(19, 5) == ".123+"); // this machine's time zone is its affair
    e.is_warning = true;
    e.more = 312;
    CHECK(log_text(e).ends_with(" warning bond0 m0: carrier_down: \"x\" (312 more of these in 10 s)\n"));
    const std::string json = log_json(e);
    CHECK(json.find('\n') == json.size() - 1);
    auto read = nlohmann::json::parse(json);
    read.erase("time");
    CHECK(read == nlohmann::json({{"level", "warning"},
                                  {"message", e.text},
                                  {"bond", "bond0"},
                                  {"event", "carrier_down"},
                                  {"member", "m0"},
                                  {"detail", "\"x\""},
                                  {"more", 312}}));
    e.fields.back().second = "two\nlines";
    CHECK(log_journal(e) == "MESSAGE=bond0 m0: carrier_down: \"x\" (312 more of these in 10 s)\nPRIORITY=4\n"
                            "SYSLOG_IDENTIFIER=dpdk-bond\nDPDKBOND_BOND=bond0\nDPDKBOND_EVENT=carrier_down\n"
                            "DPDKBOND_MEMBER=m0\nDPDKBOND_DETAIL=two lines\nDPDKBOND_MORE=312\n");
    CHECK(log_format_named("json") == LogFormat::json);
    CHECK_FALSE(log_format_named("xml"));
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "config/args.hpp"

using namespace dpdkbond;

namespace {

using Words = std::vector<std::string>;

Args good(const Words& words) {
    const auto args = parse_args(words);
    INFO((args ? std::string() : args.error()));
    REQUIRE(args.ok());
    return args.value();
}
std::string wrong(const Words& words) {
    const auto args = parse_args(words);
    REQUIRE_FALSE(args.ok());
    return args.error();
}

} // namespace

TEST_CASE("a command line is a file to run or a command") {
    CHECK(good({"-c", "f", "-i"}).console);
    CHECK(good({"-c", "f", "--check"}).verb == Args::Verb::check);
    CHECK(good({"status", "bond0", "--json", "--file-prefix=x"}).file_prefix == "x");
    CHECK(wrong({"--check"}) == "--check needs -c FILE; see dpdk-bond --help");
    CHECK(good({"console", "--stop-on-error", "-e", "reload"}).stop_on_error);
    CHECK(wrong({"status", "--stop-on-error"}) == "--stop-on-error goes with console; see dpdk-bond --help");
    CHECK(wrong({}) == "nothing to do: give -c FILE or a command; see dpdk-bond --help");
    CHECK(wrong({"statsu"}) == "statsu: no such command; see dpdk-bond --help");
    CHECK(wrong({"-c", "f", "bond0"}) == "bond0: not expected here; see dpdk-bond --help");
}

TEST_CASE("status may be watched, every so many seconds") {
    using std::chrono::milliseconds;
    CHECK(good({"status", "--watch"}).watch == milliseconds(2000));
    const Args args = good({"status", "--watch", "0.5", "bond0"});
    CHECK(args.watch == milliseconds(500));
    CHECK(args.operands == Words{"bond0"});
    CHECK(good({"status", "bond0", "--watch=10"}).watch == milliseconds(10'000));
    CHECK(good({"status", "--watch", "bond0"}).operands == Words{"bond0"});
    for (const char* bad : {"0", "4000", "x", "", "1.2.3"})
        CHECK(wrong({"status", "--watch=" + std::string(bad)})
                  .starts_with("--watch: '" + std::string(bad) + "' is no number"));
    CHECK(wrong({"status", "--watch", "0"}).starts_with("--watch: '0' is no number of seconds; 0.1 to 3600"));
    CHECK(wrong({"status", "--watch", "99999"}).starts_with("--watch: '99999' is no number of seconds"));
    CHECK(wrong({"status", "--watch", "--json"}) ==
          "--watch goes without --json and --health; see dpdk-bond --help");
    CHECK(wrong({"nics", "--watch"}) == "--watch goes with status; see dpdk-bond --help");
    CHECK(good({"show", "bond", "bond0", "lacp", "--json"}).json);
    CHECK(wrong({"modes", "--json"}) ==
          "--json goes with status, show, explain and nics; see dpdk-bond --help");
}

TEST_CASE("a capture's seconds are judged before anybody is asked") {
    CHECK(good({"capture", "bond0", "all", "f"}).operands.size() == 3);
    CHECK(good({"capture", "bond0", "all", "f", "86400"}).operands.size() == 4);
    for (const char* bad : {"0", "86401", "x", "", "1.5"})
        CHECK(wrong({"capture", "bond0", "all", "f", bad})
                  .starts_with("capture: '" + std::string(bad) + "' is no number of seconds; 1 to 86400"));
}

TEST_CASE("a run may be told how to log") {
    CHECK(good({"-c", "f", "--log-format", "json"}).log_format == "json");
    CHECK(good({"--log-format=journal", "-c", "f"}).log_format == "journal");
    CHECK(wrong({"-c", "f", "--log-format", "xml"}) ==
          "--log-format needs text, json or journal; see dpdk-bond --help");
    CHECK(wrong({"-c", "f", "--log-format"}) ==
          "--log-format needs text, json or journal; see dpdk-bond --help");
    CHECK(wrong({"status", "--log-format", "json"}) ==
          "--log-format goes with -c FILE; see dpdk-bond --help");
}

TEST_CASE("A8: -e is the console's, and may be repeated") {
    CHECK(good({"console", "-e", "show bond all", "-e", "reload"}).commands ==
          Words{"show bond all", "reload"});
    for (const Words& words : {Words{"status", "-e", "x"}, Words{"-c", "f", "-e", "x"}})
        CHECK(wrong(words) == "-e goes with console; see dpdk-bond --help");
    CHECK(wrong({"console", "-e"}) == "-e needs a COMMAND; see dpdk-bond --help");
}

TEST_CASE("verbs take the words of the console's commands as they are") {
    const Args set = good({"set", "member", "bond0", "m0", "prio", "-5", "--file-prefix", "p"});
    CHECK(set.verb == Args::Verb::command);
    CHECK(set.operands == Words{"set", "member", "bond0", "m0", "prio", "-5"});
    CHECK(set.file_prefix == "p");
    CHECK(good({"--file-prefix", "p", "reload"}).operands == Words{"reload"});
    CHECK(wrong({"set"}) == "use: dpdk-bond set bond|member NAME ...; see dpdk-bond --help");
}

TEST_CASE("help is of one command or of all, and no wider than a terminal") {
    CHECK(good({"help"}).verb == Args::Verb::help);
    CHECK(good({"version"}).verb == Args::Verb::version);
    CHECK(good({"set", "--help"}).topic == "set");
    CHECK(usage("console").find("-e COMMAND") != std::string::npos);
    CHECK(usage("console").find("import") == std::string::npos);
    const std::string all = usage();
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = all.find('\n', at);
        CHECK(end - at <= 80);
        at = end + 1;
    }
}

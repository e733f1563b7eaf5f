// SPDX-License-Identifier: BSD-3-Clause
// The file of a warm restart, and the text that it holds.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "host/files.hpp"
#include "host/warm_file.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

constexpr Time kNow = time_from_ns(1'000'000'000'000);

Saved a_state() {
    Saved body;
    Saved& bond = body.add("bond", "bond0");
    bond.put("mode", "802.3ad");
    bond.put("mac", *Mac::parse("02:bd:00:00:00:01"));
    bond.put("until", kNow + 3s);
    bond.put("up", true);
    Saved& member = bond.add("member", "m{0} 100%\n}");
    member.put("reason", " {two\nlines} of 50% ");
    member.put("empty", "");
    member.add("lacp").put("actor", 63);
    return body;
}

std::string why(const std::string& text, Time now = kNow + 1s) {
    const auto read = read_warm_text(text, 60s, now);
    return read ? "" : read.error();
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
    return text.replace(text.find(what), what.size(), with);
}

} // namespace

TEST_CASE("what was saved comes back as it was") {
    const auto read = read_warm_text(warm_text(a_state(), "1.2", kNow), 60s, kNow + 59s);
    REQUIRE(read.ok());
    const Saved* bond = read.value().find("bond", "bond0");
    REQUIRE(bond != nullptr);
    CHECK(bond->text("mode") == "802.3ad");
    CHECK(bond->mac("mac").to_string() == "02:bd:00:00:00:01");
    CHECK(bond->time("until", kNever) == kNow + 3s);
    CHECK(bond->flag("up"));
    const Saved* member = bond->find("member", "m{0} 100%\n}");
    REQUIRE(member != nullptr);
    CHECK(member->text("reason") == " {two\nlines} of 50% ");
    CHECK(member->text("empty") == "");
    REQUIRE(member->find("lacp") != nullptr);
    CHECK(member->find("lacp")->number<unsigned>("actor") == 63);
    // What is not there, or no number of its kind.
    CHECK_FALSE(bond->text("none"));
    CHECK_FALSE(bond->number<int>("mode"));
    CHECK(bond->number<std::uint8_t>("until", 7) == 7);
    CHECK(bond->mac("mode").is_zero());
    CHECK(bond->find("member", "m0") == nullptr);
}

TEST_CASE("a state file that does not hold any more says why in one line") {
    const std::string good = warm_text(a_state(), "1.2", kNow);
    CHECK(why(good).empty());
    for (std::size_t length = 0; length < good.size(); ++length)
        CHECK(why(good.substr(0, length)) == "it is not whole");
    for (std::size_t at = 0; at < good.size(); at += 7) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 1);
        CHECK_FALSE(why(bad).empty());
    }
    CHECK(why(replaced(good, "format 1", "format 9")) ==
          "its format is 9, of a later version; this one reads up to 1");
    CHECK(why(good, kNow + 61s) == "it is 61 s old, and runtime.warm_restart is 60 s");
    CHECK_FALSE(why(good, kNow - 1s).empty()); // of a clock that has begun again
    CHECK(why("") == "it is not whole");
    CHECK(why(std::string(100'000, '{')) == "it is not whole");
}

TEST_CASE("a state file of format 1, as version 0.1.0 wrote it, is read") {
    std::ifstream file(STORED_STATE);
    std::stringstream text;
    text << file.rdbuf();
    // It is of another boot; the sum holds, or that would be said.
    CHECK(why(text.str()) == "it is of another boot");
    const std::string whole = text.str();
    const auto saved = Saved::parse(std::string_view(whole).substr(0, whole.rfind("checksum ")));
    REQUIRE(saved);
    REQUIRE(saved->find("bond", "bond0") != nullptr);
    CHECK(saved->find("bond", "bond0")->text("mode") == "802.3ad");
}

TEST_CASE("the file is there as a whole, for root alone, in a folder that is made") {
    const std::filesystem::path dir =
        std::filesystem::temp_directory_path() / ("warm-file-" + std::to_string(::getpid()));
    const std::filesystem::path file = dir / "p" / "warm";
    const std::string text = warm_text(a_state(), "1.2", kNow);
    REQUIRE(write_warm_file(file, "old").ok());
    REQUIRE(write_warm_file(file, text).ok());
    CHECK(*read_text(file) + "\n" == text);
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::others_all) ==
          std::filesystem::perms::none);
    CHECK(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}) == 1);
    std::filesystem::remove_all(dir);
    CHECK_FALSE(write_warm_file("/proc/none/warm", text).ok());
}

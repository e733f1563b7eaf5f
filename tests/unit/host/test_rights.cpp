// SPDX-License-Identifier: BSD-3-Clause
// What a process keeps of root's rights.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "host/rights.hpp"

using namespace dpdkbond;

namespace {

// A line of /proc/self/status that is a set, as a number.
std::uint64_t rights(const std::string& set) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(set + ":")) return std::stoull(line.substr(set.size() + 1), nullptr, 16);
    return ~std::uint64_t{0};
}

std::uint64_t kept() {
    std::uint64_t all = 0;
    for (const Right& r : kKeptRights) all |= std::uint64_t{1} << r.number;
    return all;
}

} // namespace

TEST_CASE("rights that bonds do not need are given up, for what is run by exec too") {
    const std::uint64_t had = rights("CapEff"), may_have = rights("CapBnd");
    const bool may_bound = (had >> 8U & 1U) != 0; // CAP_SETPCAP
    const pid_t child = fork();                   // what is given up does not come back
    REQUIRE(child >= 0);
    if (child == 0) {
        const bool good = give_up_other_rights().empty() && rights("CapEff") == (had & kept()) &&
                          rights("CapPrm") == (rights("CapEff")) &&
                          rights("CapInh") == (rights("CapInh") & kept()) &&
                          (!may_bound || rights("CapBnd") == (may_have & kept()));
        _exit(good ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

TEST_CASE("the unit keeps the same rights") {
    std::ifstream unit(SERVICE_CONF);
    std::set<std::string> listed, wanted;
    for (std::string line; std::getline(unit, line);) {
        if (!line.starts_with("CapabilityBoundingSet=")) continue;
        std::istringstream words(line.substr(line.find('=') + 1));
        for (std::string word; words >> word;) listed.insert(word);
    }
    for (const Right& r : kKeptRights) wanted.insert("CAP_" + std::string(r.name));
    CHECK(listed == wanted);
}

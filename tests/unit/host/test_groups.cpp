// SPDX-License-Identifier: BSD-3-Clause
// The kernel's tables of joined groups.
#include <catch2/catch.hpp>

#include "host/groups.hpp"

using namespace dpdkbond;

TEST_CASE("groups are read by device, with the version of its querier, but for those that nobody reports") {
    const auto groups =
        parse_joined_groups("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
                            "1\tlo        :     1      V3\n"
                            "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                            "4\tbond0     :     2      V2\n"
                            "\t\t\t\t010181EF     1 0:00000000\t\t0\n"
                            "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
                            "5\ta-long-name-15c:     2      V1\n"
                            "\t\t\t\tFB0000E0     1 0:00000000\t\t1\n",
                            "4    bond0           ff0200000000000000000001ff000001     1 00000004 0\n"
                            "4    bond0           ff020000000000000000000000000001     1 0000000C 0\n"
                            "4    bond0           ff010000000000000000000000000001     1 00000008 0\n");
    REQUIRE(groups.size() == 3);
    CHECK(groups.at("lo") == JoinedGroups{});
    CHECK(groups.at("bond0") == JoinedGroups{{{{239, 129, 1, 1}}}, {*Ipv6::parse("ff02::1:ff00:1")}, 2});
    CHECK(groups.at("a-long-name-15c") == JoinedGroups{{{{224, 0, 0, 251}}}, {}, 1});
}

TEST_CASE("tables that make no sense hold no groups") {
    CHECK(parse_joined_groups("", "").empty());
    CHECK(parse_joined_groups("4\tbond0\n\t\t\t\tnonsense\nx\n", "4 bond0 ff02 1 0 0\nbond0\n").empty());
    CHECK(parse_joined_groups("\t\t\t\t010181EF     1 0:00000000\t\t0\n", "").empty());
}

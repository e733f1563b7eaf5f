// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fake_instance.hpp"
#include "ops/overview.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

TEST_CASE("all bonds in one line", "[overview]") {
    BondView up = make_bond(Mode::active_backup), down = make_bond(Mode::ieee8023ad, 3);
    up.status.link_up = true;
    up.members[1].status.usable = false;
    down.status.name = "bond1";
    down.status.link_up = false;
    for (MemberView& m : down.members) m.status.usable = false;
    CHECK(overview_line(std::vector{up, down}) == "bond0 up (1 of 2 members), bond1 down (0 of 3 members)");
    CHECK(overview_line({}) == "no bonds");
}

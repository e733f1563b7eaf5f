// SPDX-License-Identifier: BSD-3-Clause
// Who wears which MAC, by policy, and the order in which the devices are told.
#include <catch2/catch.hpp>

#include <map>
#include <random>

#include "bond/member_macs.hpp"
#include "numbered.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;

namespace {

constexpr Mac mac(std::uint8_t n) { return Mac{{2, 0, 0, 0, 0, n}}; }

// The first member's MAC is the bond's, as a bond without one of its own takes it; members have 1, 2, …
MemberMacs make(MacPolicy policy, unsigned members, Mac bond = mac(1)) {
    MemberMacs macs;
    macs.set_policy(policy);
    macs.set_bond(bond);
    for (unsigned i = 0; i < members; ++i) {
        const Mac own = mac(static_cast<std::uint8_t>(i + 1));
        macs.join(id(i), own, macs.to_join(own).value());
    }
    macs.applied(macs.version());
    return macs;
}

std::vector<Mac> worn(const MemberMacs& macs, unsigned members) {
    std::vector<Mac> all;
    for (unsigned i = 0; i < members; ++i) all.push_back(macs.worn_by(id(i)));
    return all;
}

using Macs = std::vector<Mac>;

} // namespace

TEST_CASE("same: every member wears the bond's, whoever is active, and a new one too") {
    MemberMacs macs = make(MacPolicy::same, 3);
    CHECK(worn(macs, 3) == Macs{mac(1), mac(1), mac(1)});
    macs.set_active(id(2));
    CHECK(worn(macs, 3) == Macs{mac(1), mac(1), mac(1)});
    CHECK_FALSE(macs.pending()); // nothing for the devices to do
    macs.set_bond(mac(9));
    CHECK(worn(macs, 3) == Macs{mac(9), mac(9), mac(9)});
    CHECK(macs.pending());
}

TEST_CASE("active: everyone keeps his own and the bond's is the active member's") {
    MemberMacs macs = make(MacPolicy::active, 3, mac(9));
    CHECK(macs.bond() == mac(9));
    macs.set_active(id(1));
    CHECK(macs.bond() == mac(2));
    CHECK(macs.pending());
    macs.set_active(kNoMember);
    CHECK(macs.bond() == mac(2)); // until there is another
    macs.set_active(id(2));
    CHECK(macs.bond() == mac(3));
    CHECK(worn(macs, 3) == Macs{mac(1), mac(2), mac(3)});
    macs.set_bond(mac(9)); // is the active member's affair
    CHECK(macs.bond() == mac(3));
}

TEST_CASE("active: a member that has no MAC leaves the bond with the one it had") {
    MemberMacs macs = make(MacPolicy::active, 1);
    macs.join(id(1), Mac{}, macs.to_join(Mac{}).value());
    macs.set_active(id(0));
    macs.set_active(id(1));
    CHECK(macs.bond() == mac(1));
}

TEST_CASE("follow and swap: the active member wears the bond's, old and new exchange theirs") {
    for (const MacPolicy policy : {MacPolicy::follow, MacPolicy::swap}) {
        MemberMacs macs = make(policy, 3);
        macs.set_active(id(0));
        CHECK_FALSE(macs.pending());
        macs.set_active(id(1));
        CHECK(worn(macs, 3) == Macs{mac(2), mac(1), mac(3)});
        CHECK(macs.pending());
        macs.set_active(kNoMember); // the last one keeps it
        CHECK(worn(macs, 3) == Macs{mac(2), mac(1), mac(3)});
        macs.set_active(id(2));
        CHECK(worn(macs, 3) == Macs{mac(2), mac(3), mac(1)});
        CHECK(macs.bond() == mac(1));
    }
}

TEST_CASE("follow and swap: a bond with a MAC of its own lends it to the active member") {
    MemberMacs macs = make(MacPolicy::swap, 2, mac(9));
    CHECK(worn(macs, 2) == Macs{mac(1), mac(2)});
    macs.set_active(id(0));
    CHECK(worn(macs, 2) == Macs{mac(9), mac(2)});
    macs.set_active(id(1));
    CHECK(worn(macs, 2) == Macs{mac(2), mac(9)}); // mac(1) is free
    macs.set_bond(mac(2));
    CHECK(worn(macs, 2) == Macs{mac(9), mac(2)}); // whoever wore the new one gets the old one
}

TEST_CASE("a member that leaves has its own MAC again, and the bond's stays with the active member", "[D3]") {
    for (const MacPolicy policy : {MacPolicy::follow, MacPolicy::swap}) {
        MemberMacs macs = make(policy, 3);
        macs.set_active(id(0));
        macs.set_active(id(1));
        macs.leave(id(0));                    // wears mac(2), whose owner wears the bond's
        CHECK(macs.worn_by(id(1)) == mac(1)); // [D3] the bond's, which stays with the active member …
        CHECK(macs.worn_by(id(0)) == mac(1)); // … though the leaving one has it by birth
        macs.forget(id(0));
        CHECK(macs.worn_by(id(1)) == mac(1));
        CHECK(macs.worn_by(id(2)) == mac(3));
    }
}

TEST_CASE("a leaving member's own MAC is taken from the member that wears it", "[D3]") {
    MemberMacs macs = make(MacPolicy::swap, 3); // the bond's is mac(1)
    macs.set_active(id(2));
    macs.set_active(id(1)); // wears the bond's
    const Mac wore = macs.worn_by(id(2));
    REQUIRE(wore != mac(3));
    macs.leave(id(2));
    CHECK(macs.worn_by(id(2)) == mac(3));
    CHECK(macs.worn_by(id(1)) == mac(1));
}

TEST_CASE("devices that take all MACs from now on are told so, though no MAC changes", "[D19]") {
    MemberMacs macs = make(MacPolicy::follow, 2);
    macs.set_active(id(0));
    const auto version = macs.version();
    macs.set_policy(MacPolicy::swap);
    CHECK(macs.plan().accept_all);
    CHECK(macs.version() != version);
}

TEST_CASE("the active member that owns the bond's MAC hands it over when it leaves") {
    MemberMacs macs = make(MacPolicy::swap, 2);
    macs.set_active(id(0));
    macs.leave(id(0));
    macs.set_active(id(1));
    CHECK(macs.worn_by(id(1)) == mac(1));
    macs.forget(id(0));
    CHECK(macs.worn_by(id(1)) == mac(1));
}

TEST_CASE("a MAC that somebody wears already") {
    SECTION("does not matter where all share one, or each has his own") {
        CHECK(make(MacPolicy::same, 2).to_join(mac(1)).value() == mac(1));
        CHECK(make(MacPolicy::active, 2).to_join(mac(2)).value() == mac(2));
    }
    SECTION("is replaced by one made up: follow") {
        const Mac other = make(MacPolicy::follow, 2).to_join(mac(1)).value();
        CHECK(other.is_valid_unicast());
        CHECK((other.bytes[0] & 2U) != 0);
        for (const std::uint8_t n : {1, 2}) CHECK(other != mac(n));
    }
    SECTION("is replaced by one that is free, else the member is refused: swap") {
        MemberMacs macs = make(MacPolicy::swap, 2);
        const auto refused = macs.to_join(mac(2));
        REQUIRE_FALSE(refused.ok());
        CHECK(refused.error().find("02:00:00:00:00:02 is worn by another member") != std::string::npos);
        macs.set_bond(mac(9));
        macs.set_active(id(0)); // its own is free
        CHECK(macs.to_join(mac(2)).value() == mac(1));
        CHECK(macs.to_join(mac(3)).value() == mac(3));
    }
}

TEST_CASE("another policy while the bond runs: everybody wears what it says") {
    MemberMacs macs = make(MacPolicy::same, 3);
    macs.set_active(id(1));
    macs.set_policy(MacPolicy::swap);
    CHECK(worn(macs, 3) == Macs{mac(2), mac(1), mac(3)});
    macs.set_policy(MacPolicy::active);
    CHECK(macs.bond() == mac(2));
    CHECK(worn(macs, 3) == Macs{mac(1), mac(2), mac(3)});
    macs.set_policy(MacPolicy::same);
    CHECK(worn(macs, 3) == Macs{mac(2), mac(2), mac(2)});
}

TEST_CASE("what a member wants is taken from the other first, and an exchange goes by a MAC of nobody's") {
    const MacStep chain[] = {{id(0), mac(1), mac(2)}, {id(1), mac(2), mac(3)}, {id(2), mac(4), mac(4)}};
    const MacSteps two = order_mac_steps(chain, mac(1));
    REQUIRE(two.size() == 2);
    CHECK(two[0].id == id(1));
    CHECK(two[1].id == id(0));

    const MacStep exchange[] = {{id(0), mac(2), mac(1)}, {id(1), mac(1), mac(2)}};
    const MacSteps three = order_mac_steps(exchange, mac(1));
    REQUIRE(three.size() == 3);
    CHECK(three[0].id == id(1)); // the bond's is free at once …
    CHECK(three[0].mac != mac(2));
    CHECK(three[1].id == id(0)); // … and the new active member has it next
    CHECK(three[1].mac == mac(1));
    CHECK(three[2].mac == mac(2));

    // Devices that refused what they were given earlier may wear anything.
    const MacStep mess[] = {{id(0), mac(1), mac(2)}, {id(1), mac(2), mac(1)}, {id(2), mac(1), mac(2)}};
    Mac worn[] = {mac(1), mac(2), mac(1)};
    for (const MemberMac& step : order_mac_steps(mess, mac(1))) worn[step.id.value] = step.mac;
    for (const MacStep& m : mess) CHECK(worn[m.id.value] == m.wants);
}

TEST_CASE("ten thousand random lives: the active wears the bond's, no two the same, not even in between") {
    std::mt19937 random(3);
    for (unsigned life = 0; life < 10'000; ++life) {
        MemberMacs macs;
        macs.set_policy(random() % 2 == 0 ? MacPolicy::follow : MacPolicy::swap);
        macs.set_bond(mac(static_cast<std::uint8_t>(1 + random() % 6)));
        std::map<unsigned, Mac> devices, own;
        for (unsigned step = 0; step < 30; ++step) {
            const unsigned m = random() % 5;
            const bool there = devices.count(m) != 0;
            switch (random() % 4) {
            case 0: {
                if (there) break;
                const Mac permanent = mac(static_cast<std::uint8_t>(1 + random() % 6));
                if (const auto wears = macs.to_join(permanent)) {
                    macs.join(id(m), permanent, wears.value());
                    devices[m] = wears.value();
                    own[m] = permanent;
                }
                break;
            }
            case 1:
                if (!there) break;
                macs.leave(id(m));
                if (macs.worn_by(id(m)) != own[m]) FAIL("life " << life << ": it left in another's MAC");
                macs.forget(id(m));
                devices.erase(m);
                break;
            case 2:
                macs.set_active(there ? id(m) : kNoMember);
                if (there && macs.worn_by(id(m)) != macs.bond())
                    FAIL("life " << life << ": not the bond's MAC");
                break;
            case 3: macs.set_bond(mac(static_cast<std::uint8_t>(1 + random() % 6))); break;
            }
            FixedVec<MacStep, kMaxMembers> wanted;
            const MacPlan plan = macs.plan();
            for (const MemberMac& w : plan.members) wanted.push_back({w.id, devices[w.id.value], w.mac});
            for (const MemberMac& s : order_mac_steps({wanted.begin(), wanted.size()}, plan.bond)) {
                devices[s.id.value] = s.mac;
                for (const auto& [a, worn_a] : devices)
                    for (const auto& [b, worn_b] : devices)
                        if (a < b && worn_a == worn_b) FAIL("life " << life << ": two of the same");
            }
            for (const MemberMac& w : plan.members)
                if (devices[w.id.value] != w.mac) FAIL("life " << life << ": a device was forgotten");
            macs.applied(plan.version);
            if (macs.pending()) FAIL("life " << life << ": the plan is done");
        }
    }
    SUCCEED();
}

// SPDX-License-Identifier: BSD-3-Clause
// MACs that move with the active member: the bond decides at once, the devices follow when they can, and
// nothing is announced before they have.
#include <catch2/catch.hpp>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "proto/arp.hpp"
#include "proto/eth.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

Mac mac_of(unsigned member) { return Mac{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(member)}}; }
MemberId member_id(unsigned member) { return MemberId{static_cast<std::uint8_t>(member)}; }

struct Rig {
    explicit Rig(FailOverMac fail_over_mac, unsigned members = 2)
        : options(with(fail_over_mac)), controller(find_mode(Mode::active_backup)->control_half()),
          bond("sim", {Mode::active_backup, controller.get(), nullptr}, options, std::nullopt, 1500) {
        for (unsigned i = 0; i < members; ++i) {
            MemberInfo info;
            info.name = "m" + std::to_string(i);
            info.perm_mac = mac_of(i);
            REQUIRE(bond.add_member(info, {.carrier = true}, now).ok());
        }
        LocalAddresses addresses;
        addresses.push_back({});
        bond.set_addresses(addresses);
        apply();
        announced();
    }
    static BondOptions with(FailOverMac f) {
        BondOptions o;
        o.fail_over_mac = f;
        return o;
    }
    void cut(unsigned member) { bond.handle_link(member_id(member), {}, now); }
    void pass(Duration d) {
        const Time end = now + d;
        for (; bond.next_deadline() <= end; bond.handle_timeout(now))
            now = std::max(now, bond.next_deadline());
        now = end;
    }
    bool apply() { // the devices do as they are told
        const bool told = asked();
        bond.macs_applied(applied = bond.mac_plan().version, now);
        return told;
    }
    [[nodiscard]] bool asked() const { return bond.wanted().macs != applied; } // for other MACs
    std::uint64_t applied = 0;                                                 // version of the plan
    std::vector<Mac> announced() { // by whom the bond's addresses are said to be had
        std::vector<Mac> macs;
        taught.clear();
        for (Bond::Transmit t; bond.poll_transmit(t);) {
            if (const auto eth = parse_eth({t.frame.data(), t.length}); eth->type == ethertype::loopback) {
                taught.emplace_back(t.member, eth->source);
                continue;
            }
            CHECK(t.member == bond.active());
            macs.push_back(parse_arp_frame({t.frame.data(), t.length}).value().sender_mac);
        }
        return macs;
    }
    std::vector<std::pair<MemberId, Mac>>
        taught; // what switches learn by the frames that announced() went over
    std::vector<Mac> worn() {
        BondStatus s;
        bond.fill(s);
        std::vector<Mac> macs;
        for (const MemberStatus& m : s.members) macs.push_back(m.mac);
        return macs;
    }

    Time now{};
    BondOptions options;
    std::unique_ptr<Controller> controller;
    Bond bond;
};

using Macs = std::vector<Mac>;
using Taught = std::vector<std::pair<MemberId, Mac>>;

} // namespace

TEST_CASE("fail_over_mac none: no device is asked for anything, and the announcement leaves at once") {
    Rig rig(FailOverMac::none);
    rig.cut(0);
    CHECK_FALSE(rig.asked());
    CHECK(rig.announced() == Macs{mac_of(0)});
    CHECK(rig.worn() == Macs{mac_of(0), mac_of(0)});
}

TEST_CASE("fail_over_mac active: the bond's MAC is the new active member's, and announced once it is set") {
    Rig rig(FailOverMac::active);
    CHECK(rig.bond.mac() == mac_of(0));
    rig.cut(0);
    CHECK(rig.bond.active() == member_id(1)); // frames go by it at once
    CHECK(rig.bond.mac() == mac_of(1));
    CHECK(rig.bond.mac_plan().bond == mac_of(1));
    rig.now += 1s;
    rig.bond.handle_timeout(rig.now);
    CHECK(rig.announced().empty());
    CHECK(rig.apply());
    CHECK(rig.announced() == Macs{mac_of(1)});
    CHECK(rig.worn() == Macs{mac_of(0), mac_of(1)});
    bool told = false;
    for (Event e; rig.bond.poll_event(e);)
        told |= e.kind == EventKind::mac_changed && e.detail == mac_of(1).to_string();
    CHECK(told);
}

TEST_CASE("fail_over_mac follow: the bond's MAC stays and moves to the new active member") {
    Rig rig(FailOverMac::follow);
    CHECK(rig.worn() == Macs{mac_of(0), mac_of(1)});
    rig.cut(0);
    CHECK(rig.bond.mac() == mac_of(0));
    CHECK(rig.announced().empty());
    CHECK(rig.apply());
    CHECK(rig.announced() == Macs{mac_of(0)});
    CHECK(rig.taught == Taught{{member_id(1), mac_of(0)}}); // the other one has no carrier to say anything on
    CHECK(rig.worn() == Macs{mac_of(1), mac_of(0)});
}

TEST_CASE("fail_over_mac follow: switches learn where both MACs went when both members are up") {
    Rig rig(FailOverMac::follow);
    REQUIRE(rig.bond.set_active("m1", rig.now).ok());
    CHECK(rig.apply());
    CHECK(rig.announced() == Macs{mac_of(0)});
    CHECK(rig.taught == Taught{{member_id(0), mac_of(1)}, {member_id(1), mac_of(0)}});
}

TEST_CASE("a plan that was overtaken while it was carried out releases nothing") {
    Rig rig(FailOverMac::follow, 3);
    rig.cut(0);
    const std::uint64_t old = rig.bond.mac_plan().version;
    rig.cut(1);
    CHECK(rig.asked());
    rig.bond.macs_applied(old, rig.now);
    CHECK(rig.announced().empty());
    rig.bond.macs_applied(rig.bond.mac_plan().version, rig.now);
    CHECK(rig.announced() == Macs{mac_of(0)});
    CHECK(rig.worn() == Macs{mac_of(1), mac_of(2), mac_of(0)});
}

TEST_CASE("resend_igmp: memberships are asked for so many times, 200 ms apart, once the devices are ready") {
    Rig rig(FailOverMac::active);
    rig.options.resend_igmp = 3;
    rig.bond.set_options(rig.options, nullptr, rig.now);
    rig.pass(1s);
    std::uint64_t wishes = rig.bond.wanted().reports; // those of the first choice
    rig.cut(0);
    CHECK(rig.bond.wanted().reports == wishes);
    rig.now += 10ms;
    CHECK(rig.apply());
    std::vector<Time> asked;
    for (const Time start = rig.now; rig.now <= start + 2s; rig.pass(10ms))
        if (std::exchange(wishes, rig.bond.wanted().reports) != wishes) asked.push_back(rig.now);
    REQUIRE(asked.size() == 3);
    CHECK(asked[1] - asked[0] == 200ms);
    CHECK(asked[2] - asked[1] == 200ms);

    rig.announced();
    const OwnFrame report{.member = kNoMember, .length = 60};
    const std::array<OwnFrame, 3> reports{report, report, report};
    CHECK(rig.bond.send_by_active(reports) == 3);
    Bond::Transmit t;
    for (int i = 0; i < 3; ++i) {
        REQUIRE(rig.bond.poll_transmit(t));
        CHECK(t.member == member_id(1));
    }
    rig.cut(1);
    CHECK(rig.bond.send_by_active(reports) == 0);
}

TEST_CASE("a member that leaves with the bond's MAC for its own: it is said") {
    Rig rig(FailOverMac::none);
    rig.bond.dismiss_member(member_id(0), rig.now);
    rig.bond.remove_member(member_id(0), rig.now);
    bool warned = false;
    for (Event e; rig.bond.poll_event(e);) warned |= e.kind == EventKind::warning && e.member == "m0";
    CHECK(warned);
    CHECK(rig.bond.mac() == mac_of(0));
}

TEST_CASE("removing the standby that owns the bond's MAC leaves it with the active member", "[D3]") {
    Rig rig(FailOverMac::follow);
    rig.cut(0);
    rig.apply();
    REQUIRE(rig.bond.active() == member_id(1));
    rig.bond.dismiss_member(member_id(0), rig.now);
    rig.apply();
    rig.bond.remove_member(member_id(0), rig.now);
    rig.apply();
    CHECK(rig.bond.mac() == mac_of(0));
    CHECK(rig.worn() == std::vector<Mac>{mac_of(0)});
}

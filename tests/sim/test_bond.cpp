// SPDX-License-Identifier: BSD-3-Clause
// A bond in virtual time: links, commands and the clock go in; members in use, events and frames come out.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "pass_time.hpp"

using namespace dpdkbond;
using dpdkbond::testing::pass_time;
using namespace std::chrono_literals;

namespace {

class Sim {
public:
    Sim(Mode mode, unsigned members, const BondOptions& options = {}, bool carrier = true)
        : controller_(find_mode(mode)->control_half()),
          bond("sim", {mode, controller_.get(), find_mode(mode)->data_half(options)}, options, std::nullopt,
               1500) {
        for (unsigned i = 0; i < members; ++i) {
            MemberInfo info;
            info.name = "m" + std::to_string(i);
            info.perm_mac = Mac{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(i)}};
            REQUIRE(bond.add_member(info, {.carrier = carrier}, now).ok());
        }
        bond.macs_applied(bond.mac_plan().version, now);
        events();
    }

    void link(unsigned member, bool up) {
        bond.handle_link(MemberId{static_cast<std::uint8_t>(member)}, {.carrier = up}, now);
    }
    void pass(Duration d) { pass_time(bond, now, d); }
    std::vector<std::string> events() { // "event member"
        std::vector<std::string> all;
        Event e;
        while (bond.poll_event(e)) {
            all.emplace_back(event_name(e.kind));
            if (!e.member.empty()) all.back() += " " + e.member.str();
        }
        return all;
    }
    unsigned frames() { // how many are to be sent, all by the active member
        unsigned n = 0;
        Bond::Transmit t;
        for (; bond.poll_transmit(t); ++n) CHECK(t.member == bond.active());
        return n;
    }
    BondStatus status() {
        BondStatus s;
        bond.fill(s);
        return s;
    }
    int active() { return bond.active() == kNoMember ? -1 : bond.active().value; }

private:
    std::unique_ptr<Controller> controller_;

public:
    Time now{};
    Bond bond;
};

BondOptions delays(std::uint32_t up, std::uint32_t down) {
    BondOptions o;
    o.updelay = up;
    o.downdelay = down;
    return o;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("a lost link fails over at once, and each step is told in order") {
    Sim sim(Mode::active_backup, 2);
    CHECK(sim.active() == 0);
    sim.link(0, false);
    CHECK(sim.active() == 1);
    CHECK(sim.events() == Texts{"carrier_down m0", "member_down m0", "active_changed m1"});
    CHECK(sim.status().failovers == 1);
    sim.link(0, true);
    CHECK(sim.active() == 1); // without a primary it stays
    CHECK(sim.events() == Texts{"carrier_up m0", "member_up m0"});
    CHECK(sim.status().members[0].link_failures == 1);
}

TEST_CASE("the bond is up as long as one member is, and says so") {
    for (const Mode mode : {Mode::balance_rr, Mode::active_backup, Mode::balance_xor, Mode::broadcast}) {
        Sim sim(mode, 3);
        CHECK(sim.bond.link_up());
        sim.link(0, false);
        sim.link(2, false);
        CHECK(sim.bond.link_up());
        sim.events();
        sim.link(1, false);
        CHECK_FALSE(sim.bond.link_up());
        CHECK(sim.bond.usable().bits() == 0);
        CHECK(sim.events().back() == "bond_down");
        sim.link(2, true);
        CHECK(sim.bond.link_up());
        CHECK(sim.events().back() == "bond_up");
        CHECK(sim.bond.usable().bits() == 1U << 2U);
    }
}

TEST_CASE("the same word of a link twice changes nothing") {
    Sim sim(Mode::active_backup, 2);
    sim.bond.take_changed();
    sim.link(0, true);
    CHECK_FALSE(sim.bond.take_changed());
    sim.link(0, false);
    CHECK(sim.bond.take_changed());
    sim.events();
    sim.link(0, false);
    CHECK_FALSE(sim.bond.take_changed());
    CHECK(sim.events().empty());
}

TEST_CASE("downdelay keeps a member in use, and a link that comes back in time was never lost") {
    Sim sim(Mode::active_backup, 2, delays(0, 300));
    sim.link(0, false);
    CHECK(sim.events() == Texts{"carrier_down m0", "going_down m0"});
    sim.pass(299ms);
    CHECK(sim.active() == 0);
    sim.link(0, true);
    sim.pass(1s);
    CHECK(sim.active() == 0);
    CHECK(sim.status().members[0].link_failures == 0);
    sim.link(0, false);
    sim.pass(300ms);
    CHECK(sim.active() == 1);
}

TEST_CASE("updelay keeps a member out until it is over") {
    Sim sim(Mode::balance_xor, 2, delays(500, 0));
    sim.pass(500ms); // the second member has waited since it joined
    REQUIRE(sim.bond.usable().bits() == 3);
    sim.link(1, false);
    CHECK(sim.bond.usable().bits() == 1);
    sim.link(1, true);
    sim.pass(499ms);
    CHECK(sim.bond.usable().bits() == 1);
    CHECK(sim.status().members[1].mii == MiiStatus::going_back);
    sim.pass(1ms);
    CHECK(sim.bond.usable().bits() == 3);
}

TEST_CASE("updelay is skipped when no member is usable, for the first that has carrier only") {
    Sim sim(Mode::active_backup, 3, delays(1000, 0));
    sim.pass(1s);
    for (unsigned m : {0U, 1U, 2U}) sim.link(m, false);
    CHECK(sim.active() == -1);
    sim.link(2, true);
    CHECK(sim.active() == 2);
    sim.link(0, true);
    CHECK(sim.status().members[0].mii == MiiStatus::going_back);
    // The one in use fails while another waits: that one is taken at once.
    sim.link(2, false);
    CHECK(sim.active() == 0);
}

TEST_CASE("a primary takes over when it is back, as primary_reselect says") {
    for (const auto& [reselect, back] :
         {std::pair{PrimaryReselect::always, 1}, std::pair{PrimaryReselect::failure, 0}}) {
        BondOptions o;
        o.primary = "m1";
        o.primary_reselect = reselect;
        Sim sim(Mode::active_backup, 3, o);
        CHECK(sim.active() == 1); // it has just joined
        sim.link(1, false);
        CHECK(sim.active() == 0);
        sim.link(1, true);
        CHECK(sim.active() == back);
        sim.link(0, false);
        CHECK(sim.active() == 1);
    }
}

TEST_CASE("a primary that joins last takes over, and one that is named at run time too") {
    BondOptions o;
    o.primary = "m2";
    o.primary_reselect = PrimaryReselect::failure;
    Sim sim(Mode::active_backup, 3, o);
    CHECK(sim.active() == 2);
    o.primary = "m0";
    sim.bond.set_options(o, nullptr, sim.now);
    CHECK(sim.active() == 0);
}

TEST_CASE("the operator's choice stands until the primary comes back or the choice is lost") {
    BondOptions o;
    o.primary = "m0";
    Sim sim(Mode::active_backup, 3, o);
    REQUIRE(sim.bond.set_active("m2", sim.now).ok());
    CHECK(sim.active() == 2);
    sim.pass(10s);
    CHECK(sim.active() == 2);
    sim.link(1, false);
    sim.link(1, true);
    CHECK(sim.active() == 2); // as in Linux, others do not matter
    sim.link(0, false);
    CHECK(sim.active() == 2);
    sim.link(0, true);
    CHECK(sim.active() == 0);
}

TEST_CASE("a choice that cannot be is refused and changes nothing") {
    Sim sim(Mode::active_backup, 2);
    sim.link(1, false);
    CHECK_FALSE(sim.bond.set_active("m1", sim.now).ok());
    CHECK_FALSE(sim.bond.set_active("nobody", sim.now).ok());
    CHECK(sim.active() == 0);
    Sim xor_sim(Mode::balance_xor, 2);
    CHECK_FALSE(xor_sim.bond.set_active("m1", xor_sim.now).ok());
}

TEST_CASE("a failover is announced num_grat_arp times for every address, peer_notif_delay apart") {
    BondOptions o;
    o.num_grat_arp = 3;
    o.peer_notif_delay = 500;
    Sim sim(Mode::active_backup, 2, o);
    LocalAddresses addresses;
    IpPrefix v4, v6;
    v6.is_v6 = true;
    addresses.push_back({v4, {}, {}});
    addresses.push_back({v6, {}, {}});
    sim.bond.set_addresses(addresses);
    sim.pass(5s);
    sim.frames(); // those of the first choice
    sim.link(0, false);
    CHECK(sim.frames() == 2); // at once
    sim.pass(499ms);
    CHECK(sim.frames() == 0);
    sim.pass(1ms);
    CHECK(sim.frames() == 2);
    sim.pass(500ms);
    CHECK(sim.frames() == 2);
    sim.pass(1h);
    CHECK(sim.frames() == 0);
    CHECK(sim.bond.next_deadline() == kNever);
}

TEST_CASE("announcements go by the member that is active when they are due, and stop when there is none") {
    BondOptions o;
    o.num_grat_arp = 5;
    Sim sim(Mode::active_backup, 3, o);
    LocalAddresses addresses;
    addresses.push_back({});
    sim.bond.set_addresses(addresses);
    sim.pass(5s);
    sim.frames();
    sim.link(0, false);
    sim.pass(100ms); // miimon apart
    CHECK(sim.frames() == 2);
    sim.link(1, false);
    CHECK(sim.frames() == 1); // frames() sees that they go by the new one
    sim.pass(10s);
    CHECK(sim.frames() == 4);
    sim.link(2, false);
    sim.pass(10s);
    CHECK(sim.frames() == 0);
}

TEST_CASE("when a bond ends nobody takes over, and nobody is told that one had") {
    for (const Mode mode : {Mode::active_backup, Mode::balance_tlb, Mode::balance_alb}) {
        CAPTURE(mode_name(mode));
        Sim sim(mode, 3);
        LocalAddresses addresses;
        addresses.push_back({});
        sim.bond.set_addresses(addresses);
        sim.pass(5s);
        Bond::Transmit frame;
        while (sim.bond.poll_transmit(frame)) {
        } // of members by themselves, too
        const std::uint64_t failovers = sim.status().failovers;
        sim.bond.dismiss_all(sim.now);
        sim.pass(5s);
        CHECK_FALSE(sim.bond.poll_transmit(frame));
        CHECK(sim.active() == -1);
        CHECK(sim.status().failovers == failovers);
    }
}

TEST_CASE("num_grat_arp 0 announces nothing, and other modes never do") {
    BondOptions o;
    o.num_grat_arp = 0;
    for (const auto& [mode, options] :
         {std::pair{Mode::active_backup, o}, std::pair{Mode::balance_xor, BondOptions{}}}) {
        Sim sim(mode, 2, options);
        LocalAddresses addresses;
        addresses.push_back({});
        sim.bond.set_addresses(addresses);
        sim.link(0, false);
        sim.pass(10s);
        CHECK(sim.frames() == 0);
    }
}

TEST_CASE("a member's return names no cause of its loss", "[operator]") {
    Sim sim(Mode::active_backup, 2);
    const auto why = [&](EventKind kind) {
        std::string last;
        for (Event e; sim.bond.poll_event(e);)
            if (e.kind == kind) last = e.detail.str();
        return last;
    };
    sim.bond.set_link_admin(MemberId{0}, false, sim.now);
    CHECK(why(EventKind::member_down) == "taken out by hand");
    sim.bond.set_link_admin(MemberId{0}, true, sim.now);
    CHECK(why(EventKind::member_up) == "put back by hand");
    sim.bond.handle_link(MemberId{0}, {.carrier = false, .set_down = true}, sim.now);
    CHECK(why(EventKind::member_down) == "carrier (its netdev is set down)");
    sim.link(0, true);
    sim.bond.handle_link(MemberId{0}, {.carrier = false, .no_source = true}, sim.now);
    CHECK(why(EventKind::member_down) == "carrier (the netdev that it is read from is not there)");
    sim.link(0, true);
    CHECK(why(EventKind::member_up) == "carrier");
}

TEST_CASE("that nothing watches the members is said once, and again when it has become so anew",
          "[operator]") {
    BondOptions o;
    o.miimon = 0;
    Sim sim(Mode::active_backup, 2, o);
    const auto warnings = [&] { return std::ranges::count(sim.events(), "warning"); };
    const auto set = [&](const BondOptions& options) {
        sim.bond.set_options(options, find_mode(Mode::active_backup)->data_half(options), sim.now);
        return warnings();
    };
    CHECK(warnings() == 0); // the first member's joining has said it
    o.num_grat_arp = 3;
    CHECK(set(o) == 0);
    o.miimon = 100;
    CHECK(set(o) == 0);
    o.miimon = 0;
    CHECK(set(o) == 1);
    o.arp_interval = 100;
    CHECK(set(o) == 1); // nobody is asked: the carrier alone
}

TEST_CASE("a member taken out by hand is not used, and its link fails nobody") {
    Sim sim(Mode::active_backup, 2);
    sim.bond.set_link_admin(MemberId{0}, false, sim.now);
    CHECK(sim.active() == 1);
    CHECK(sim.status().members[0].link_failures == 0);
    sim.link(1, false);
    CHECK(sim.active() == -1);
    sim.bond.set_link_admin(MemberId{0}, true, sim.now);
    CHECK(sim.active() == 0);
}

TEST_CASE("the active member's removal fails over; its id is the next member's") {
    Sim sim(Mode::active_backup, 3);
    sim.bond.remove_member(MemberId{0}, sim.now);
    CHECK(sim.active() == 1);
    MemberInfo info;
    info.name = "new";
    const auto id = sim.bond.add_member(info, {.carrier = true}, sim.now);
    REQUIRE(id.ok());
    CHECK(id.value() == MemberId{0});
    Snapshot s;
    sim.bond.fill(s);
    CHECK(s.rx_count == 3);
    CHECK(s.rx[2].id == 0); // but it joined last
    CHECK(sim.active() == 1);
}

TEST_CASE("the snapshot says what the status says") {
    Sim sim(Mode::balance_xor, 4);
    sim.link(2, false);
    Snapshot s;
    sim.bond.fill(s);
    CHECK(s.tx_count == 3);
    CHECK(s.senders.bits() == 0b1011);
    CHECK(s.tx[0] == 0);
    CHECK(s.tx[1] == 1);
    CHECK(s.tx[2] == 3);
    CHECK(s.rx_count == 4);
    CHECK(s.buckets == 1024);
    for (std::uint32_t b = 0; b < s.buckets; ++b) REQUIRE(s.bucket[b] != 2);
    CHECK(s.max_frame == 1500 + 14 + 8);
}

TEST_CASE("a queue's member is in the snapshot while it is up, in the modes that go by it") {
    MemberOptions own;
    own.queue_id = 3;
    for (const Mode mode : {Mode::active_backup, Mode::balance_rr, Mode::balance_xor, Mode::broadcast}) {
        Sim sim(mode, 2);
        sim.bond.set_member_options(MemberId{1}, own, sim.now);
        Snapshot s;
        sim.bond.fill(s);
        const bool obeys = mode == Mode::active_backup || mode == Mode::balance_rr;
        CHECK(s.by_queue[3] == (obeys ? 1 : kNoMember.value));
        sim.link(1, false);
        sim.bond.fill(s);
        CHECK(s.by_queue == Snapshot::nobody());
        sim.link(1, true);
        sim.bond.fill(s);
        CHECK(s.by_queue[3] == (obeys ? 1 : kNoMember.value));
        sim.bond.set_member_options(MemberId{1}, {}, sim.now);
        sim.bond.fill(s);
        CHECK(s.by_queue == Snapshot::nobody());
    }
}

TEST_CASE("ten thousand random lives: never two active, never none while one is up, no event out of place") {
    std::mt19937 random(2);
    for (unsigned life = 0; life < 10'000; ++life) {
        BondOptions o = delays(random() % 3 * 100, random() % 3 * 100);
        o.num_grat_arp = static_cast<std::uint8_t>(random() % 3);
        o.primary_reselect = static_cast<PrimaryReselect>(random() % 3);
        if (random() % 2 == 0) o.primary = "m" + std::to_string(random() % 4);
        const unsigned members = 1 + random() % 4;
        Sim sim(Mode::active_backup, members, o, random() % 2 == 0);
        std::vector<bool> told_up(members);
        for (unsigned m = 0; m < members; ++m) told_up[m] = sim.status().members[m].mii == MiiStatus::up;
        for (unsigned step = 0; step < 30; ++step) {
            const unsigned m = random() % members;
            switch (random() % 6) {
            case 0:
            case 1:
            case 2: sim.link(m, random() % 2 == 0); break;
            case 3:
                sim.bond.set_link_admin(MemberId{static_cast<std::uint8_t>(m)}, random() % 3 != 0, sim.now);
                break;
            case 4: (void)sim.bond.set_active("m" + std::to_string(m), sim.now).ok(); break;
            case 5: sim.pass(std::chrono::milliseconds(random() % 250)); break;
            }
            const BondStatus s = sim.status();
            unsigned active = 0, up = 0, waiting = 0;
            for (const MemberStatus& member : s.members) {
                const bool is_up = member.mii == MiiStatus::up || member.mii == MiiStatus::going_down;
                active += member.active;
                up += is_up;
                waiting += member.mii == MiiStatus::going_back;
                if (member.active && !is_up) FAIL("life " << life << ": the active member is down");
                if (member.usable != is_up) FAIL("life " << life << ": usable is not what is up");
            }
            Snapshot sending;
            sim.bond.fill(sending);
            if (sending.tx_count != active) FAIL("life " << life << ": " << int{sending.tx_count} << " send");
            if (active > 1 || active != (up > 0 ? 1U : 0U))
                FAIL("life " << life << ": " << active << " active, " << up << " up");
            if (up == 0 && waiting > 0)
                FAIL("life " << life << ": an updelay runs while no member is usable");
            if (s.link_up != (up > 0)) FAIL("life " << life << ": the bond's carrier is wrong");
            Event e;
            while (sim.bond.poll_event(e)) { // verdicts alternate
                if (e.kind != EventKind::member_up && e.kind != EventKind::member_down) continue;
                const unsigned who = static_cast<unsigned>(e.member.view()[1] - '0');
                if (told_up[who] == (e.kind == EventKind::member_up))
                    FAIL("life " << life << ": a verdict was told twice");
                told_up[who] = !told_up[who];
            }
            sim.frames();
        }
    }
    SUCCEED();
}

TEST_CASE("an operator's choice outlives options that do not concern it", "[D11]") {
    BondOptions o;
    o.primary = "m0";
    Sim sim(Mode::active_backup, 2, o);
    REQUIRE(sim.bond.set_active("m1", sim.now).ok());
    REQUIRE(sim.active() == 1);
    o.num_grat_arp = 2;
    sim.bond.set_options(o, find_mode(Mode::active_backup)->data_half(o), sim.now);
    CHECK(sim.active() == 1);
    MemberOptions m;
    m.queue_id = 1;
    sim.bond.set_member_options(MemberId{1}, m, sim.now);
    CHECK(sim.active() == 1);
    MemberOptions better;
    better.prio = 5;
    sim.bond.set_member_options(MemberId{0}, better, sim.now); // prio does concern it
    CHECK(sim.active() == 0);
}

TEST_CASE("active_slave of the configuration is the first choice, once it is up, and only once", "[D10]") {
    for (const Mode mode : {Mode::active_backup, Mode::balance_tlb, Mode::balance_alb}) {
        BondOptions o;
        o.active_slave = "m1";
        Sim sim(mode, 2, o);
        CHECK(sim.active() == 1);
        sim.link(1, false);
        CHECK(sim.active() == 0);
        sim.link(1, true);
        CHECK(sim.active() == 0);

        Sim late(mode, 2, o, false);
        late.link(0, true);
        CHECK(late.active() == 0);
        late.link(1, true);
        CHECK(late.active() == 1);
    }
}

TEST_CASE("updelay is not skipped for a member that is leaving", "[D18]") {
    Sim sim(Mode::active_backup, 3, delays(10000, 0));
    for (unsigned m : {0U, 2U}) sim.link(m, false);
    for (unsigned m : {0U, 2U}) sim.link(m, true); // both wait for updelay
    sim.bond.dismiss_member(MemberId{0}, sim.now);
    sim.link(1, false);
    CHECK(sim.active() == 2);
}

TEST_CASE("a member that comes back has its place and its count of failures again", "[order]") {
    Sim sim(Mode::balance_xor, 3);
    sim.link(0, false);
    CHECK(sim.status().members[0].link_failures == 1);
    sim.bond.remove_member(MemberId{0}, sim.now);
    MemberInfo info;
    info.name = "m0";
    info.perm_mac = Mac{{2, 0, 0, 0, 0, 7}};
    info.link_failures = 1;
    REQUIRE(sim.bond.add_member(info, {.carrier = true}, sim.now, MemberId{1}).ok());
    info.name = "m9";
    info.perm_mac = Mac{{2, 0, 0, 0, 0, 8}};
    info.link_failures = 0;
    REQUIRE(sim.bond.add_member(info, {.carrier = true}, sim.now).ok());
    std::vector<std::string> names;
    const BondStatus status = sim.status();
    for (const MemberStatus& m : status.members) names.emplace_back(m.name.view());
    CHECK(names == std::vector<std::string>{"m0", "m1", "m2", "m9"});
    CHECK(status.members[0].link_failures == 1);
    Snapshot snapshot;
    sim.bond.fill(snapshot); // the first bucket is the first member's, as it was
    CHECK(snapshot.bucket[0] == status.members[0].id.value);
}

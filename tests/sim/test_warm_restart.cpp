// SPDX-License-Identifier: BSD-3-Clause
// What a bond saved, another one carries on with: nothing is said, nobody moves.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "balance/rlb.hpp"
#include "bond/bond.hpp"
#include "drivers/balance.hpp"
#include "drivers/lacp.hpp"
#include "drivers/registry.hpp"
#include "numbered.hpp"
#include "pass_time.hpp"
#include "proto/arp.hpp"
#include "proto/lacpdu.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;
using dpdkbond::testing::own;
using dpdkbond::testing::pass_time;
using namespace std::chrono_literals;

namespace {

struct Instance {
    Instance(Mode bond_mode, const BondOptions& options, std::optional<Mac> mac = std::nullopt)
        : mode(bond_mode), controller(find_mode(mode)->control_half()),
          bond("sim", {mode, controller.get(), find_mode(mode)->data_half(options)}, options, mac, 1500) {}

    void join(unsigned n, bool carrier = true) {
        MemberInfo info;
        info.name = "m" + std::to_string(n);
        info.perm_mac = own(n);
        REQUIRE(bond.add_member(info, {.carrier = carrier, .speed_mbps = 1000, .duplex = Duplex::full}, now)
                    .ok());
        apply_macs();
    }
    void apply_macs() { bond.macs_applied(bond.mac_plan().version, now); }
    std::vector<OwnFrame> sent() {
        std::vector<OwnFrame> all;
        for (OwnFrame f; bond.poll_transmit(f);) all.push_back(f);
        return all;
    }
    void pass(Duration d) { pass_time(bond, now, d); }
    Saved saved() const {
        Saved s;
        bond.save(s);
        return *Saved::parse(s.to_text()); // as the file holds it
    }
    BondStatus status() {
        BondStatus s;
        bond.fill(s);
        return s;
    }
    bool announced(EventKind kind) {
        bool found = false;
        for (Event e; bond.poll_event(e);) found |= e.kind == kind;
        return found;
    }

    Mode mode;
    std::unique_ptr<Controller> controller;
    Time now = time_from_ns(1'000'000'000'000);
    Bond bond;
};

BondOptions announcing() {
    BondOptions o;
    o.num_grat_arp = 3;
    return o;
}

LocalAddresses addresses() {
    LocalAddresses all;
    all.push_back({.prefix = *IpPrefix::parse("192.0.2.1/24")});
    return all;
}

// What the next instance is at `away` later, its members in the order of `order`.
std::unique_ptr<Instance> next_of(const Instance& before, const BondOptions& options, Duration away,
                                  std::initializer_list<unsigned> order, unsigned without_carrier = 99) {
    auto next = std::make_unique<Instance>(before.mode, options);
    next->now = before.now + away;
    next->bond.set_addresses(addresses());
    next->bond.restore(before.saved(), next->now);
    for (const unsigned n : order) next->join(n, n != without_carrier);
    next->bond.resume(next->now);
    next->apply_macs();
    return next;
}

} // namespace

TEST_CASE("active-backup carries on by the member that was active, and announces nothing") {
    const BondOptions options = announcing();
    Instance before(Mode::active_backup, options);
    before.bond.set_addresses(addresses());
    for (const unsigned n : {0U, 1U, 2U}) before.join(n);
    REQUIRE(before.bond.set_active("m1", before.now).ok());
    before.bond.set_link_admin(id(2), false, before.now);
    before.pass(10s);

    // The configuration lists them in another order.
    const auto next = next_of(before, options, 400ms, {2, 0, 1});
    CHECK(next->bond.active() == id(1));
    CHECK(next->bond.find("m1") == id(1));
    CHECK(next->bond.mac() == own(0));
    CHECK(next->bond.link_up());
    CHECK(next->status().failovers == before.status().failovers);
    for (const MemberStatus& m : next->status().members) CHECK(m.admin_down == (m.name == "m2"));
    next->pass(5s);
    CHECK(next->sent().empty());
    CHECK_FALSE(next->announced(EventKind::active_changed));
    // It decides as ever from now on.
    next->bond.handle_link(id(1), {.carrier = false}, next->now);
    CHECK(next->bond.active() == id(0));
    CHECK_FALSE(next->sent().empty());
}

TEST_CASE("a member whose link went meanwhile fails over as ever, and is announced") {
    const BondOptions options = announcing();
    Instance before(Mode::active_backup, options);
    for (const unsigned n : {0U, 1U}) before.join(n);
    before.pass(10s);
    const auto next = next_of(before, options, 400ms, {0, 1}, 0);
    CHECK(next->bond.active() == id(1));
    CHECK(next->announced(EventKind::active_changed));
    CHECK(next->status().members[0].link_failures == 1);
    next->pass(1s);
    CHECK_FALSE(next->sent().empty());
}

TEST_CASE("a member that is new joins beside those that carry on, under a number of its own") {
    Instance before(Mode::active_backup, announcing());
    for (const unsigned n : {0U, 1U}) before.join(n);
    const auto next = next_of(before, announcing(), 1s, {7, 0, 1});
    CHECK(next->bond.find("m0") == id(0));
    CHECK(next->bond.find("m1") == id(1));
    CHECK(next->bond.find("m7") == id(2));
    CHECK(next->bond.active() == id(0));
}

TEST_CASE("fail_over_mac follow: members keep the MACs that they wear") {
    BondOptions options = announcing();
    options.fail_over_mac = FailOverMac::follow;
    Instance before(Mode::active_backup, options);
    for (const unsigned n : {0U, 1U}) before.join(n);
    REQUIRE(before.bond.set_active("m1", before.now).ok());
    before.apply_macs();
    before.pass(5s);
    (void)before.sent();
    const auto next = next_of(before, options, 400ms, {0, 1});
    for (const unsigned n : {0U, 1U}) CHECK(next->status().members[n].mac == before.status().members[n].mac);
    CHECK(next->bond.active() == id(1));
    next->pass(5s);
    CHECK(next->sent().empty());
}

TEST_CASE("why a bond starts cold is said in words") {
    Instance before(Mode::active_backup, announcing());
    for (const unsigned n : {0U, 1U}) before.join(n);
    const Saved saved = before.saved();
    std::vector<MemberInfo> members(2);
    for (const unsigned n : {0U, 1U}) {
        members[n].name = "m" + std::to_string(n);
        members[n].perm_mac = own(n);
    }
    CHECK(why_cold(saved, Mode::active_backup, members).empty());
    CHECK(why_cold(saved, Mode::balance_xor, members) == "its mode was active-backup and is balance-xor");
    CHECK(why_cold(saved, Mode::active_backup, {members.data(), 1}) == "member m1 is not there any more");
    members[1].perm_mac = own(9);
    CHECK(why_cold(saved, Mode::active_backup, members) ==
          "member m1 is another device: its own MAC was 02:bd:00:00:00:01 and is 02:bd:00:00:00:09");
    CHECK_FALSE(why_cold(Saved(), Mode::active_backup, members).empty());
}

namespace {

// Two bonds on the two ends of two wires.
void exchange(Instance& a, Instance& b, Duration d) {
    for (const Time end = a.now + d; a.now < end;) {
        for (Instance* i : {&a, &b}) i->bond.handle_timeout(i->now);
        for (bool more = true; more;) {
            more = false;
            for (Instance* from : {&a, &b})
                for (const OwnFrame& f : from->sent()) {
                    Instance& to = from == &a ? b : a;
                    to.bond.handle_frame(f.member, {f.frame.data(), f.length}, to.now);
                    more = true;
                }
        }
        a.now += 100ms;
        b.now = a.now;
    }
}

BondOptions lacp_options(bool fast) {
    BondOptions o;
    o.lacp_rate = fast ? LacpRate::fast : LacpRate::slow;
    return o;
}

lacp::BondStatus lacp_of(const Instance& i) {
    lacp::BondStatus s;
    REQUIRE(lacp_status(*i.controller, s));
    return s;
}

// What it has to send are LACPDUs of that state; by which members.
std::uint32_t deliver(Instance& from, Instance& to, std::uint8_t state) {
    std::uint32_t by = 0;
    for (const OwnFrame& f : from.sent()) {
        const auto pdu = decode_lacpdu({f.frame.data(), f.length});
        REQUIRE(pdu);
        CHECK(pdu->actor.state.value == state);
        by |= 1U << f.member.value;
        to.bond.handle_frame(f.member, {f.frame.data(), f.length}, from.now);
    }
    return by;
}

} // namespace

TEST_CASE("LACP carries on: the partner sees nothing but 0x3f at either rate") {
    const bool fast = GENERATE(true, false);
    const BondOptions options = lacp_options(fast);
    Instance partner(Mode::ieee8023ad, options, Mac{{2, 0xcc, 0, 0, 0, 1}});
    auto ours = std::make_unique<Instance>(Mode::ieee8023ad, options);
    for (const unsigned n : {0U, 1U}) {
        partner.join(n);
        ours->join(n);
    }
    exchange(*ours, partner, 20s);
    const std::uint8_t all = fast ? 0x3f : 0x3d;
    for (int round = 0; round < 5; ++round) {
        const auto before = lacp_of(*ours);
        for (const auto& p : before.ports) REQUIRE(p.actor.state.value == all);
        const auto churns = lacp_of(partner).ports[0].partner_churn_count;
        ours->pass(500ms);
        (void)ours->sent();
        partner.now = ours->now;
        // It speaks once more, so that the partner's wait of three seconds begins when it leaves.
        ours->bond.speak_before_leaving(ours->now);
        CHECK(deliver(*ours, partner, all) == 3);
        ours = next_of(*ours, options, 2400ms, {1, 0});
        partner.now = ours->now;
        const auto after = lacp_of(*ours);
        CHECK(after.active_aggregator == before.active_aggregator);
        CHECK(after.actor_key == before.actor_key);
        for (const auto& p : after.ports) {
            const auto was = std::ranges::find(before.ports, p.member, &lacp::PortStatus::member);
            REQUIRE(was != before.ports.end());
            CHECK(p.actor == was->actor); // the port number too
            CHECK(p.partner == was->partner);
            CHECK(p.rx == lacp::RxState::CURRENT);
            CHECK(p.aggregator == was->aggregator);
            CHECK(p.distributing);
        }
        CHECK(ours->bond.link_up());
        CHECK(ours->bond.usable().bits() == 3);
        CHECK(deliver(*ours, partner, all) == 3); // at once; none is a farewell, or of a port that begins
        for (int step = 0; step < 30; ++step) {
            exchange(*ours, partner, 100ms);
            for (const auto& p : lacp_of(partner).ports) {
                CHECK(p.actor.state.value == all);
                CHECK(p.partner.state.value == all);
                CHECK(p.distributing);
                CHECK(p.partner_churn_count == churns);
            }
        }
    }
}

TEST_CASE("LACP with a partner that stayed away for too long is as without a warm restart") {
    const BondOptions options = lacp_options(true);
    Instance partner(Mode::ieee8023ad, options, Mac{{2, 0xcc, 0, 0, 0, 1}});
    Instance ours(Mode::ieee8023ad, options);
    for (const unsigned n : {0U, 1U}) {
        partner.join(n);
        ours.join(n);
    }
    exchange(ours, partner, 20s);
    const auto next = next_of(ours, options, 5s, {0, 1});
    for (const auto& p : lacp_of(*next).ports) CHECK(p.rx != lacp::RxState::CURRENT);
    partner.now = next->now;
    exchange(*next, partner, 10s);
    for (const auto& p : lacp_of(*next).ports) CHECK(p.actor.state.value == 0x3f);
}

TEST_CASE("LACP carries on as long as the partner waits, however soon we miss it ourselves") {
    Instance partner(Mode::ieee8023ad, lacp_options(false), Mac{{2, 0xcc, 0, 0, 0, 1}});
    auto ours = std::make_unique<Instance>(Mode::ieee8023ad, lacp_options(true)); // 3 s; the partner waits 90
    for (const unsigned n : {0U, 1U}) {
        partner.join(n);
        ours->join(n);
    }
    exchange(*ours, partner, 20s);
    for (const auto& p : lacp_of(partner).ports) REQUIRE(p.actor.state.value == 0x3d);
    ours = next_of(*ours, lacp_options(true), 20s, {0, 1});
    partner.now = ours->now;
    CHECK(deliver(*ours, partner, 0x3f) == 3);
    for (int step = 0; step < 30; ++step) {
        exchange(*ours, partner, 100ms);
        for (const auto& p : lacp_of(partner).ports) {
            CHECK(p.actor.state.value == 0x3d);
            CHECK(p.partner.state.value == 0x3f);
        }
    }
    // And no longer than that second: a partner that is gone is missed.
    exchange(*ours, partner, 5s);
    ours->pass(3s);
    (void)ours->sent();
    for (const auto& p : lacp_of(*ours).ports) CHECK(p.rx != lacp::RxState::CURRENT);
}

TEST_CASE("a state that names states that there are none of begins as a new port does") {
    const BondOptions options = lacp_options(true);
    Instance ours(Mode::ieee8023ad, options);
    ours.join(0);
    std::string text = ours.saved().to_text();
    text.replace(text.find("      rx "), 10, "      rx 77");
    const auto broken = Saved::parse(text);
    REQUIRE(broken);
    Instance next(Mode::ieee8023ad, options);
    next.now = ours.now + 1s;
    next.bond.restore(*broken, next.now);
    next.join(0);
    next.bond.resume(next.now);
    CHECK(lacp_of(next).ports[0].rx == lacp::RxState::EXPIRED);
}

TEST_CASE(
    "balance-alb: neighbours stay with their members, buckets where they are, and nobody is told anything") {
    const BondOptions options;
    Instance before(Mode::balance_alb, options);
    before.bond.set_addresses(addresses());
    for (const unsigned n : {0U, 1U, 2U}) before.join(n);
    const auto arp = [](const Mac& to, const Mac& from, const ArpPacket& packet) {
        OwnFrame f;
        f.length = static_cast<std::uint16_t>(build_arp(f.frame, to, from, packet, {}));
        return f;
    };
    const Mac bond = before.bond.mac();
    const Ipv4 ours = *Ipv4::parse("192.0.2.1");
    for (unsigned n = 10; n < 16; ++n) { // each neighbour is asked, and answers
        const Ipv4 theirs = *Ipv4::parse("192.0.2." + std::to_string(n));
        const Mac mac = Mac{{2, 0xee, 0, 0, 0, static_cast<std::uint8_t>(n)}};
        const Mac all{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
        const auto ask = arp(all, bond, {ArpOp::request, bond, ours, Mac{}, theirs});
        before.bond.handle_frame(kNoMember, {ask.frame.data(), ask.length}, before.now);
        const auto answer = arp(bond, mac, {ArpOp::reply, mac, theirs, bond, ours});
        before.bond.handle_frame(id(0), {answer.frame.data(), answer.length}, before.now);
        before.pass(3s);
    }
    before.bond.handle_link(id(2), {.carrier = false}, before.now); // its buckets go to the others
    before.pass(20s);
    before.bond.handle_link(id(2), {.carrier = true, .speed_mbps = 1000, .duplex = Duplex::full}, before.now);
    before.pass(1500ms);
    (void)before.sent();
    const auto clients = [](const Instance& i) {
        std::map<std::string, std::tuple<unsigned, std::string, std::string>> all;
        rlb_of(*i.controller)->clients().each([&](const Client& c) {
            all[c.key.client.to_string()] = {c.member.value, c.mac.to_string(), c.told.to_string()};
        });
        return all;
    };
    REQUIRE(clients(before).size() == 6);
    // The switch is told where MACs are each lp_interval; not sooner because of this.
    const auto next = next_of(before, options, 200ms, {0, 1, 2});
    CHECK(clients(*next) == clients(before));
    for (std::size_t b = 0; b <= kLoadBuckets; ++b)
        CHECK(load_table_of(*next->controller)->owner(b) == load_table_of(*before.controller)->owner(b));
    const auto said = next->sent();
    CHECK(said.empty());
    Snapshot was, is;
    before.bond.fill(was);
    next->bond.fill(is);
    CHECK(is.bucket == was.bucket);
    CHECK(is.mac == was.mac);
}

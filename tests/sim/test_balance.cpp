// SPDX-License-Identifier: BSD-3-Clause
// balance-tlb and balance-alb in virtual time: what the bond tells workers, switch and neighbours.
#include <catch2/catch.hpp>

#include <map>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "numbered.hpp"
#include "proto/arp.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;
using dpdkbond::testing::own;
using namespace std::chrono_literals;

namespace {

Mac mac_in(const std::uint64_t& raw) { return Mac::from_bytes(&raw); }

struct Sent {
    unsigned by;
    EthView eth;
    std::uint16_t length;
    std::optional<ArpPacket> arp;
    [[nodiscard]] bool teaches() const { return eth.type == ethertype::loopback; }
};

class LoadSim {
public:
    LoadSim(Mode mode, unsigned members, const BondOptions& options = {}, std::uint32_t speed = 1000)
        : controller_(find_mode(mode)->control_half()),
          bond("sim", {mode, controller_.get(), find_mode(mode)->data_half(options)}, options, std::nullopt,
               1500) {
        for (unsigned i = 0; i < members; ++i) {
            MemberInfo info;
            info.name = "m" + std::to_string(i);
            info.perm_mac = own(i);
            REQUIRE(bond.add_member(info, {.carrier = true, .speed_mbps = speed}, now).ok());
        }
        apply_macs();
        sent();
    }
    void apply_macs() { bond.macs_applied(bond.mac_plan().version, now); }
    void link(unsigned member, bool up, std::uint32_t speed = 1000) {
        bond.handle_link(id(member), {.carrier = up, .speed_mbps = speed}, now);
    }
    std::vector<Sent> sent() {
        std::vector<Sent> all;
        for (Bond::Transmit t; bond.poll_transmit(t);) {
            const Bytes frame{t.frame.data(), t.length};
            all.push_back({t.member.value, *parse_eth(frame), t.length, parse_arp_frame(frame)});
        }
        return all;
    }
    std::vector<Sent> pass(Duration d) {
        std::vector<Sent> all;
        const Time end = now + d;
        const auto wake = [&] {
            if (bond.wants_load(now)) {
                for (std::size_t b = 0; b < totals.size(); ++b)
                    totals[b] += static_cast<std::uint64_t>(
                        rates[b] * std::chrono::duration<double>(now - counted_at_).count());
                counted_at_ = now;
                bond.handle_load(totals, now);
            }
            bond.handle_timeout(now);
            for (const Sent& s : sent()) all.push_back(s);
        };
        wake();
        while (bond.next_deadline() <= end) {
            now = std::max(now, bond.next_deadline());
            wake();
        }
        now = end;
        return all;
    }
    Snapshot snapshot() {
        Snapshot s;
        bond.fill(s);
        return s;
    }
    std::unique_ptr<Controller> controller_;
    Time now = time_from_ns(1'000'000'000);
    Bond bond;
    LoadTotals totals{};
    std::array<double, kLoadBuckets + 1> rates{};

private:
    Time counted_at_ = now;
};

constexpr Ipv4 kOurs{{192, 0, 2, 1}};

// The kernel's reply to neighbour 192.0.2.n, which has asked for our address.
void answer(LoadSim& sim, unsigned n) {
    std::uint8_t frame[64];
    const Mac peer{{2, 0xc, 0, 0, 0, static_cast<std::uint8_t>(n)}};
    const auto length =
        build_arp(frame, peer, own(0),
                  {ArpOp::reply, own(0), kOurs, peer, {{192, 0, 2, static_cast<std::uint8_t>(n)}}});
    sim.bond.handle_frame(kNoMember, {frame, length}, sim.now);
}

} // namespace

TEST_CASE("every usable member teaches the switch its MAC each lp_interval, with the tags of each VLAN") {
    for (const Mode mode : {Mode::balance_tlb, Mode::balance_alb}) {
        BondOptions o;
        o.lp_interval = 2;
        LoadSim sim(mode, 3, o);
        LocalAddresses addresses;
        LocalAddress a;
        a.tags.push_back({ethertype::vlan, 7});
        addresses.push_back(a);
        addresses.push_back(a);
        sim.bond.set_addresses(addresses);
        sim.link(2, false);
        sim.pass(5s);
        std::map<std::pair<unsigned, unsigned>, unsigned> count;
        for (const Sent& s : sim.pass(20s)) {
            if (!s.teaches()) continue;
            CHECK(s.eth.source == own(s.by));
            CHECK(s.eth.destination == own(s.by));
            CHECK(s.length == 60 + 4 * s.eth.tag_count);
            ++count[{s.by, s.eth.tag_count != 0 ? s.eth.tags[0].id() : 0}];
        }
        CHECK(count.size() == 4);
        for (const auto& [who, n] : count) CHECK(n == 10);
    }
}

TEST_CASE("the snapshot names the active member for what is not spread, and what each member wears") {
    LoadSim sim(Mode::balance_tlb, 3);
    const Snapshot s = sim.snapshot();
    CHECK(s.active == id(0));
    CHECK(s.buckets == kLoadBuckets);
    CHECK(s.bucket[kUnspread] == 0);
    CHECK(s.rx_accept.bits() == 1);
    CHECK(s.senders.bits() == 7);
    CHECK(mac_in(s.bond_mac) == own(0));
    for (unsigned m = 0; m < 3; ++m) CHECK(mac_in(s.mac[m]) == own(m));
    for (unsigned b = 0; b < kLoadBuckets; ++b) CHECK(s.bucket[b] == b % 3);

    LoadSim alb(Mode::balance_alb, 2);
    CHECK(alb.snapshot().rx_accept.bits() == 3);
    CHECK(alb.snapshot().rx_groups.bits() == 1);
}

TEST_CASE("without dynamic balancing the map is balance-xor's") {
    BondOptions o;
    o.tlb_dynamic_lb = false;
    LoadSim sim(Mode::balance_tlb, 3, o);
    const Snapshot s = sim.snapshot();
    CHECK(s.buckets == 1023);
    for (unsigned b = 0; b < 1023; ++b) CHECK(s.bucket[b] == b % 3);
    CHECK(sim.bond.next_deadline() != kNever); // learning frames
    CHECK_FALSE(sim.bond.wants_load(sim.now + 10s));
}

TEST_CASE("load that workers counted moves buckets, which is published; balanced load is not") {
    LoadSim sim(Mode::balance_tlb, 2);
    for (unsigned b = 0; b < 40; b += 2) sim.rates[b] = 1e6;
    sim.bond.take_changed();
    sim.pass(3s);
    CHECK(sim.bond.take_changed());
    const Snapshot s = sim.snapshot();
    unsigned moved = 0;
    for (unsigned b = 0; b < kLoadBuckets; ++b) moved += s.bucket[b] != b % 2;
    CHECK(moved == 10);
    sim.pass(60s);
    CHECK_FALSE(sim.bond.take_changed());
}

TEST_CASE("a member twice as fast gets twice the buckets, when its speed is told") {
    LoadSim sim(Mode::balance_tlb, 2);
    sim.bond.take_changed();
    sim.link(1, true, 2000);
    CHECK(sim.bond.take_changed());
    const Snapshot s = sim.snapshot();
    unsigned on_fast = 0;
    for (unsigned b = 0; b < kLoadBuckets; ++b) on_fast += s.bucket[b] == 1;
    CHECK(on_fast >= 170);
    CHECK(on_fast <= 171);
}

TEST_CASE("balance-alb: the switch learns at once that what is for a lost member goes to the active one") {
    LoadSim sim(Mode::balance_alb, 3);
    LocalAddresses addresses;
    LocalAddress tagged;
    tagged.tags.push_back({ethertype::vlan, 7});
    addresses.push_back(tagged);
    sim.bond.set_addresses(addresses);
    sim.pass(5s);
    answer(sim, 11);
    answer(sim, 12);
    sim.sent();
    sim.link(1, false);
    std::map<unsigned, unsigned> taught; // by VLAN
    bool told = false;
    for (const Sent& s : sim.sent()) {
        told |= s.arp.has_value();
        if (!s.teaches()) continue;
        CHECK_FALSE(told); // the switch before the neighbours
        CHECK(s.by == 0);
        CHECK(s.eth.source == own(1));
        ++taught[s.eth.tag_count != 0 ? s.eth.tags[0].id() : 0];
    }
    CHECK(taught == std::map<unsigned, unsigned>{{0, 1}, {7, 1}});
    CHECK(told);
    // The active member takes it: the snapshot still says whose the MAC was, and that it does not send.
    const Snapshot s = sim.snapshot();
    CHECK(mac_in(s.mac[1]) == own(1));
    CHECK(!s.senders.has(MemberId{1}));
    CHECK(s.rx_accept.has(MemberId{0}));
    for (const Sent& x : sim.pass(5s)) CHECK((!x.teaches() || x.eth.source != own(1))); // once
    sim.link(1, true);
    for (const Sent& x : sim.pass(5s)) // and its own again
        if (x.teaches()) CHECK(x.eth.source == own(x.by));
}

TEST_CASE("at a failover the new active member takes the MAC over, before its device knows, and teaches it") {
    for (const Mode mode : {Mode::balance_tlb, Mode::balance_alb}) {
        LoadSim sim(mode, 2);
        LocalAddresses addresses;
        addresses.push_back({});
        sim.bond.set_addresses(addresses);
        sim.pass(5s);
        sim.link(0, false);
        std::vector<Sent> now = sim.sent();
        REQUIRE_FALSE(now.empty());
        CHECK(now[0].by == 1);
        CHECK(now[0].teaches());
        CHECK(now[0].eth.source == own(0));
        Snapshot s = sim.snapshot();
        CHECK(s.active == id(1));
        CHECK(mac_in(s.mac[1]) == own(0));
        CHECK(mac_in(s.mac[0]) == own(1)); // for what neighbours still send to it
        CHECK(s.bucket[kUnspread] == 1);
        for (unsigned b = 0; b < kLoadBuckets; ++b) CHECK(s.bucket[b] == 1);
        sim.apply_macs();
        s = sim.snapshot();
        CHECK(mac_in(s.mac[1]) == own(0));
        CHECK(mac_in(s.mac[0]) == own(1));
        // The neighbours hear of it where that does not undo what they were told.
        bool announced = false;
        for (const Sent& x : sim.pass(1s)) announced |= x.arp && x.arp->is_gratuitous();
        CHECK(announced == (mode == Mode::balance_tlb));
        // The one that is back wears what the other gave up, and is not active.
        sim.link(0, true);
        for (const Sent& x : sim.pass(3s))
            if (x.teaches()) CHECK(x.eth.source == own(1 - x.by));
    }
}

TEST_CASE("while a change of the active member is being carried out no MAC is sent from two members") {
    LoadSim sim(Mode::balance_alb, 2);
    sim.pass(5s);
    REQUIRE(sim.bond.set_active("m1", sim.now).ok());
    for (int applied = 0; applied < 2; ++applied) {
        const Snapshot s = sim.snapshot();
        CHECK(mac_in(s.mac[1]) == own(0));
        CHECK(mac_in(s.mac[0]) == own(1));
        for (const Sent& x : sim.pass(3s)) CHECK(x.eth.source == own(1 - x.by));
        sim.apply_macs();
    }
}

TEST_CASE("ARP of the logical interface goes out rewritten, by the neighbour's member") {
    LoadSim sim(Mode::balance_alb, 2);
    sim.pass(5s);
    std::map<unsigned, unsigned> by;
    for (unsigned n = 10; n < 18; ++n) {
        answer(sim, n);
        for (const Sent& s : sim.sent()) {
            ++by[s.by];
            REQUIRE(s.arp);
            CHECK(s.arp->sender_mac == own(s.by));
        }
    }
    CHECK(by == std::map<unsigned, unsigned>{{0, 4}, {1, 4}});
    // A loss is told at once: of the member that takes over, and of its new MAC.
    sim.link(0, false);
    unsigned told = 0;
    for (const Sent& s : sim.sent()) {
        if (!s.arp) continue;
        CHECK(s.by == 1);
        CHECK(s.arp->sender_mac == own(0));
        ++told;
    }
    CHECK(told == 16);
}

TEST_CASE("a member that leaves and one that comes keep MACs apart") {
    LoadSim sim(Mode::balance_tlb, 3);
    sim.bond.dismiss_member(id(0), sim.now);
    sim.apply_macs();
    sim.bond.remove_member(id(0), sim.now);
    const Snapshot s = sim.snapshot();
    CHECK(s.senders.bits() == 6);
    CHECK(s.active != id(0));
    CHECK(mac_in(s.mac[s.active.value]) == mac_in(s.bond_mac));
    CHECK(s.mac[1] != s.mac[2]);
    for (unsigned b = 0; b <= kLoadBuckets; ++b) CHECK((s.bucket[b] == 1 || s.bucket[b] == 2));
}

TEST_CASE("a mode changes to balancing and back with traffic's members in place") {
    BondOptions o;
    LoadSim sim(Mode::balance_tlb, 2, o);
    auto xor_half = find_mode(Mode::balance_xor)->control_half();
    sim.bond.set_mode({Mode::balance_xor, xor_half.get(), find_mode(Mode::balance_xor)->data_half(o)}, o,
                      sim.now);
    sim.apply_macs();
    CHECK(sim.snapshot().buckets == 1024);
    auto alb = find_mode(Mode::balance_alb)->control_half();
    sim.bond.set_mode({Mode::balance_alb, alb.get(), find_mode(Mode::balance_alb)->data_half(o)}, o, sim.now);
    sim.apply_macs();
    const Snapshot s = sim.snapshot();
    CHECK(s.buckets == kLoadBuckets);
    CHECK(mac_in(s.mac[1]) == own(1));
    CHECK(mac_in(s.mac[0]) == own(0));
    unsigned teaching = 0;
    for (const Sent& x : sim.pass(3s)) teaching += x.teaches();
    CHECK(teaching >= 6);
}

namespace {

// Eight neighbours that have asked for our address; half of them are told the second member's MAC.
void meet_neighbours(LoadSim& sim) {
    for (unsigned n = 10; n < 18; ++n) answer(sim, n);
    LocalAddresses addresses;
    LocalAddress a;
    a.prefix.v4 = kOurs;
    a.prefix.length = 24;
    addresses.push_back(a);
    sim.bond.set_addresses(addresses);
    sim.sent();
    sim.pass(5s);
}

} // namespace

TEST_CASE("every bucket's owner may send, whatever is up", "[D1][D4]") {
    for (const Mode mode : {Mode::balance_tlb, Mode::balance_alb}) {
        LoadSim sim(mode, 2);
        const auto owners_may_send = [&] {
            const Snapshot s = sim.snapshot();
            if (s.tx_count == 0) CHECK(s.buckets == 0);
            for (unsigned b = 0; b < s.buckets; ++b) {
                REQUIRE(s.bucket[b] < kMaxMembers);
                REQUIRE((s.senders.bits() >> s.bucket[b] & 1U) != 0);
            }
            return s.buckets;
        };
        CHECK(owners_may_send() == kLoadBuckets);
        RxFilter down;
        down.up = false;
        sim.bond.set_filter(down, sim.now); // the logical interface is set down: members still send
        CHECK(owners_may_send() == kLoadBuckets);
        sim.bond.set_filter({}, sim.now);
        sim.link(0, false);
        CHECK(owners_may_send() == kLoadBuckets);
        sim.link(1, false);
        CHECK(owners_may_send() == 0);
        sim.link(1, true);
        CHECK(owners_may_send() == kLoadBuckets);
    }
}

TEST_CASE("balance-alb: removing the active member tells no neighbour a MAC that nothing will wear", "[D5]") {
    LoadSim sim(Mode::balance_alb, 2);
    meet_neighbours(sim);
    sim.bond.dismiss_member(id(0), sim.now);
    for (const Sent& s : sim.sent())
        if (s.arp) CHECK(s.arp->sender_mac == own(0));
    sim.apply_macs();
    for (const Sent& s : sim.pass(5s))
        if (s.arp) CHECK(s.arp->sender_mac == own(0));
}

TEST_CASE("leaving balance-alb tells no neighbour a MAC that nothing wears, and announces the bond's",
          "[D6]") {
    for (const Mode next : {Mode::active_backup, Mode::balance_xor, Mode::balance_rr, Mode::broadcast}) {
        LoadSim sim(Mode::balance_alb, 2);
        meet_neighbours(sim);
        const auto controller = find_mode(next)->control_half();
        sim.bond.set_mode({next, controller.get(), find_mode(next)->data_half({})}, {}, sim.now);
        unsigned announced = 0;
        const auto look = [&](const std::vector<Sent>& all) {
            for (const Sent& s : all)
                if (s.arp) {
                    CHECK(s.arp->sender_mac == own(0));
                    announced += s.eth.destination.is_multicast() ? 1 : 0;
                }
        };
        look(sim.sent());
        CHECK(announced == 0); // the devices do not wear it yet
        sim.apply_macs();
        look(sim.sent());
        look(sim.pass(5s));
        CHECK(announced >= 1);
        sim.controller_.reset(); // before `controller`, which the bond uses
    }
}

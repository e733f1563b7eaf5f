// SPDX-License-Identifier: BSD-3-Clause
// balance-spray as a bond in virtual time: MACs that stay, the active member for the rest, what is announced
// and what workers are told.
#include <catch2/catch.hpp>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "numbered.hpp"
#include "proto/arp.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;
using dpdkbond::testing::own;
using namespace std::chrono_literals;

namespace spray_sim { // its names are other files' too

namespace {

constexpr Mac hop_mac(unsigned n) { return Mac{{2, 0xc, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
constexpr Ipv4 hop(unsigned n) { return Ipv4{{10, 0, static_cast<std::uint8_t>(n), 2}}; }
constexpr Ipv4 kPeer{{10, 99, 255, 2}}, kVirtual{{10, 99, 255, 1}};

BondOptions options(unsigned members) {
    BondOptions o;
    SprayPeerOptions peer{kPeer, {}};
    for (unsigned m = 0; m < members; ++m) {
        const std::string name = "m" + std::to_string(m);
        o.spray.addresses.push_back(
            {name, IpPrefix{false, Ipv4{{10, 0, static_cast<std::uint8_t>(m), 1}}, {}, 24}});
        peer.paths.push_back({name, hop(m), {}, 0});
    }
    o.spray.peers.push_back(peer);
    return o;
}

struct Sent {
    unsigned by;
    EthView eth;
    ArpPacket arp;
};

struct Sim {
    std::unique_ptr<Controller> controller = find_mode(Mode::balance_spray)->control_half();
    BondOptions o;
    Bond bond;
    Time now = time_from_ns(1'000'000'000);
    std::uint32_t silent = 0;
    std::vector<Event> events;

    explicit Sim(unsigned members)
        : o(options(members)),
          bond("sim", {Mode::balance_spray, controller.get(), find_mode(Mode::balance_spray)->data_half(o)},
               o, std::nullopt, 1500) {
        LocalAddresses local;
        local.push_back({IpPrefix{false, kVirtual, {}, 24}, {}, {}});
        bond.set_addresses(local);
        for (unsigned m = 0; m < members; ++m) {
            MemberInfo info;
            info.name = "m" + std::to_string(m);
            info.perm_mac = own(m);
            REQUIRE(bond.add_member(info, {.carrier = true, .speed_mbps = 1000}, now).ok());
        }
        bond.macs_applied(bond.mac_plan().version, now);
        pass(10ms);
    }
    std::vector<Sent> pass(Duration d) {
        std::vector<Sent> all;
        const auto drain = [&] {
            for (Bond::Transmit t; bond.poll_transmit(t);) {
                const Bytes frame{t.frame.data(), t.length};
                const Sent s{t.member.value, *parse_eth(frame), *parse_arp_frame(frame)};
                all.push_back(s);
                if (s.arp.target_ip != hop(s.by) || (silent >> s.by & 1U) != 0) continue;
                std::array<std::uint8_t, 64> reply{};
                const std::size_t n =
                    build_arp(reply, s.arp.sender_mac, hop_mac(s.by),
                              {ArpOp::reply, hop_mac(s.by), hop(s.by), s.arp.sender_mac, s.arp.sender_ip});
                bond.handle_frame(t.member, {reply.data(), n}, now);
            }
            for (Event e; bond.poll_event(e);) events.push_back(e);
        };
        const Time end = now + d;
        bond.handle_timeout(now);
        drain();
        while (bond.next_deadline() <= end) {
            now = std::max(now, bond.next_deadline());
            bond.handle_timeout(now);
            drain();
        }
        now = end;
        return all;
    }
    void link(unsigned member, bool up) {
        bond.handle_link(id(member), {.carrier = up, .speed_mbps = 1000}, now);
    }
    std::unique_ptr<Snapshot> snapshot() {
        auto s = std::make_unique<Snapshot>();
        bond.fill(*s);
        return s;
    }
    std::uint32_t live() { return snapshot()->spray.find(ipv4_key(kPeer))->live; }
};

} // namespace

TEST_CASE("members keep their MACs through every failover, and the bond its own") {
    Sim sim(3);
    const std::uint64_t plans = sim.bond.wanted().macs;
    for (const unsigned lost : {0U, 1U}) {
        sim.link(lost, false);
        sim.pass(10ms);
        const MacPlan plan = sim.bond.mac_plan();
        CHECK(plan.bond == own(0));
        CHECK(plan.accept_all);
        for (unsigned m = 0; m < 3; ++m) CHECK(plan.members[m].mac == own(m));
        CHECK(sim.bond.wanted().macs == plans);
    }
    const auto s = sim.snapshot();
    CHECK(s->active == id(2));
    CHECK(s->bond_mac == mac_key(own(0)));
    CHECK(s->rx_groups.bits() == 4);
    CHECK(s->rx_accept.bits() == 7);
    CHECK(s->senders.bits() == 4);
    for (unsigned m = 0; m < 3; ++m) CHECK(s->mac[m] == mac_key(own(m)));
}

TEST_CASE("a new active member announces the bond's addresses under its own MAC, as often as it should") {
    Sim sim(2);
    sim.o.num_grat_arp = 3;
    sim.bond.set_options(sim.o, nullptr, sim.now);
    sim.pass(2s);
    sim.link(0, false);
    unsigned announced = 0;
    for (const Sent& s : sim.pass(900ms)) {
        if (!s.arp.is_gratuitous()) continue;
        CHECK(s.by == 1);
        CHECK(s.arp.sender_ip == kVirtual);
        CHECK(s.arp.sender_mac == own(1));
        CHECK(s.eth.source == own(1));
        ++announced;
    }
    CHECK(announced == 3);
    CHECK(sim.bond.active() == id(1));
}

TEST_CASE("a lost link and a silent next hop cost their path, with an event each, and it comes back") {
    Sim sim(3);
    CHECK(sim.live() == 7);
    (void)sim.bond.take_changed();
    sim.link(1, false);
    CHECK(sim.bond.take_changed()); // workers are told at once
    CHECK(sim.live() == 5);
    sim.silent = 4;
    sim.pass(4100ms);
    CHECK(sim.live() == 1);
    CHECK(sim.bond.active() == id(0));
    sim.silent = 0;
    sim.link(1, true);
    sim.pass(1100ms);
    CHECK(sim.live() == 7);
    std::vector<std::string> told;
    for (const Event& e : sim.events)
        if (e.kind == EventKind::path_up || e.kind == EventKind::path_down)
            told.push_back(e.member.str() + (e.kind == EventKind::path_up ? " up" : " down"));
    CHECK(told.size() == 7);
    CHECK(std::vector<std::string>(told.begin() + 3, told.begin() + 5) ==
          std::vector<std::string>{"m1 down", "m2 down"});
    CHECK(sim.live() == 7);
}

TEST_CASE("while the logical interface is down nobody is asked, and nothing is sprayed") {
    Sim sim(2);
    RxFilter filter;
    filter.up = false;
    sim.bond.set_filter(filter, sim.now);
    CHECK(sim.pass(5s).empty());
    CHECK(sim.live() == 0);
    filter.up = true;
    sim.bond.set_filter(filter, sim.now);
    sim.pass(10ms);
    CHECK(sim.live() == 3);
}

TEST_CASE("reports that are sent by the active member have its MAC, a guest's keep theirs") {
    Sim sim(2);
    sim.link(0, false);
    sim.pass(2s);
    OwnFrame report, guests;
    for (auto* f : {&report, &guests}) f->length = 60;
    const Mac bond = own(0);
    std::copy(bond.bytes.begin(), bond.bytes.end(), report.frame.begin() + 6);
    guests.frame[6] = 2;
    guests.frame[11] = 9;
    const OwnFrame both[] = {report, guests};
    REQUIRE(sim.bond.send_by_active(both) == 2);
    OwnFrame sent;
    REQUIRE(sim.bond.poll_transmit(sent));
    CHECK(sent.member == id(1));
    CHECK(Mac::from_bytes(sent.frame.data() + 6) == own(1));
    REQUIRE(sim.bond.poll_transmit(sent));
    CHECK(Mac::from_bytes(sent.frame.data() + 6) == Mac{{2, 0, 0, 0, 0, 9}});
}

TEST_CASE("a bond that becomes balance-spray while it runs, and ceases to be, keeps its members up") {
    Sim sim(2);
    auto plain = find_mode(Mode::active_backup)->control_half();
    BondOptions none;
    sim.bond.set_mode({Mode::active_backup, plain.get(), find_mode(Mode::active_backup)->data_half(none)},
                      none, sim.now);
    CHECK(sim.bond.mac_plan().members[1].mac == own(0));
    CHECK(sim.snapshot()->spray.peers == 0);
    auto again = find_mode(Mode::balance_spray)->control_half();
    sim.bond.set_mode({Mode::balance_spray, again.get(), find_mode(Mode::balance_spray)->data_half(sim.o)},
                      sim.o, sim.now);
    sim.bond.macs_applied(sim.bond.mac_plan().version, sim.now);
    sim.pass(10ms);
    CHECK(sim.live() == 3);
    CHECK(sim.bond.mac_plan().members[1].mac == own(1));
}

} // namespace spray_sim

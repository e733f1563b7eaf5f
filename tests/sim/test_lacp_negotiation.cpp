// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "lacp_world.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

LacpOptions with(Rate rate, bool active = true) {
    LacpOptions options;
    options.rate = rate;
    options.active = active;
    return options;
}
// Every rule held to the end, and the trace if not.
void check_rules(const World& world) { EXPECT(world, world.broken.empty()); }

} // namespace

TEST_CASE("two systems bring all links of a bond up within 4 s, for every pair of rates") {
    for (const Rate ours : {Rate::slow, Rate::fast}) {
        for (const Rate theirs : {Rate::slow, Rate::fast}) {
            World world;
            const auto x = world.add_node(with(ours)), y = world.add_node(with(theirs));
            for (int i = 0; i < 4; ++i) world.connect(x, y);
            world.run_for(4s);
            for (World::Wire wire = 0; wire < 4; ++wire) EXPECT(world, world.carries(wire));
            CHECK(world.status(x).usable_ports == 4);
            CHECK(world.status(x).active_ports == 4);
            const std::uint8_t own = ours == Rate::fast ? 0x3f : 0x3d,
                               other = theirs == Rate::fast ? 0x3f : 0x3d;
            CHECK(world.port(world.a(0)).actor.state.value == own);
            CHECK(world.port(world.a(0)).partner.state.value == other);
            CHECK(world.status(x).partner_system == world.system_of(y));
            check_rules(world);
        }
    }
}

TEST_CASE("active meets passive; two passive systems stay silent") {
    World world;
    const auto x = world.add_node(with(Rate::fast, true)), y = world.add_node(with(Rate::fast, false));
    const auto wire = world.connect(x, y);
    world.run_for(4s);
    EXPECT(world, world.carries(wire));

    World silent;
    const auto p = silent.add_node(with(Rate::fast, false)), q = silent.add_node(with(Rate::slow, false));
    const auto quiet = silent.connect(p, q);
    silent.run_for(300s);
    silent.link(quiet, false);
    silent.run_for(10s);
    silent.link(quiet, true);
    silent.run_for(300s);
    CHECK(silent.sent.empty());
    check_rules(world);
    check_rules(silent);
}

TEST_CASE("a passive system falls silent when its active partner goes and answers when it is back") {
    World world;
    const auto x = world.add_node(with(Rate::fast, true)), y = world.add_node(with(Rate::fast, false));
    const auto wire = world.connect(x, y);
    world.run_for(10s);
    world.lose(wire, true, false);
    world.run_for(20s);
    const std::size_t before = world.sent[world.b(wire)].size();
    world.run_for(100s);
    CHECK(world.sent[world.b(wire)].size() == before);
    world.lose(wire, false, false);
    world.run_for(34s); // the other end speaks every 30 s to a partner that it does not know
    EXPECT(world, world.carries(wire));
    check_rules(world);
}

TEST_CASE("turning lacp_active off keeps the bond with an active partner, and both off ends it") {
    World world;
    const auto x = world.add_node(with(Rate::fast)), y = world.add_node(with(Rate::fast));
    const auto wire = world.connect(x, y);
    world.run_for(5s);
    world.options(x, with(Rate::fast, false));
    world.run_for(20s);
    EXPECT(world, world.carries(wire));
    world.options(y, with(Rate::fast, false));
    world.run_for(20s);
    EXPECT(world, !world.port(world.a(wire)).actor.state.has(StateBit::distributing));
    const std::size_t before = world.sent[world.a(wire)].size() + world.sent[world.b(wire)].size();
    world.run_for(100s);
    CHECK(world.sent[world.a(wire)].size() + world.sent[world.b(wire)].size() == before);
    world.options(y, with(Rate::fast, true));
    world.run_for(8s);
    EXPECT(world, world.carries(wire));
    check_rules(world);
}

TEST_CASE(
    "PDUs keep their period exactly: 1 s to a fast partner, 30 s to a slow one, even when served late") {
    for (const Rate rate : {Rate::fast, Rate::slow}) {
        World world;
        const auto x = world.add_node(with(rate)), y = world.add_node(with(rate));
        const auto wire = world.connect(x, y);
        world.run_for(10s);
        world.sent.clear();
        for (int i = 0; i < 20; ++i) { // late by up to 45 ms, again and again
            world.stall(x, std::chrono::milliseconds(900 + 7 * i));
            world.run_for(30s);
        }
        const auto& sent = world.sent[world.a(wire)];
        const Duration period = rate == Rate::fast ? Duration(1s) : Duration(30s);
        CHECK(sent.size() >= static_cast<std::size_t>(600s / period) - 1);
        for (std::size_t i = 0; i + 1 < sent.size(); ++i) {
            const auto drift = sent[i].time - (sent[0].time + period * static_cast<std::int64_t>(i));
            EXPECT(world, drift < 1s && drift > -1s); // a stall shifts one PDU and not those that follow
        }
        check_rules(world);
    }
}

TEST_CASE("with nothing late every gap is one period to the nanosecond") {
    World world;
    const auto x = world.add_node(with(Rate::fast)), y = world.add_node(with(Rate::slow));
    const auto wire = world.connect(x, y);
    world.run_for(35s);
    world.sent.clear();
    world.run_for(600s);
    const auto& slow_receiver = world.sent[world.a(wire)]; // y asks for 30 s
    const auto& fast_receiver = world.sent[world.b(wire)];
    REQUIRE(slow_receiver.size() == 20);
    REQUIRE(fast_receiver.size() == 600);
    for (std::size_t i = 1; i < slow_receiver.size(); ++i)
        CHECK(slow_receiver[i].time - slow_receiver[i - 1].time == 30s);
    for (std::size_t i = 1; i < fast_receiver.size(); ++i)
        CHECK(fast_receiver[i].time - fast_receiver[i - 1].time == 1s);
    check_rules(world);
}

TEST_CASE("independent control collects before it distributes, against either kind of partner") {
    for (const bool partner_coupled : {true, false}) {
        World world;
        LacpOptions ours = with(Rate::fast), theirs = with(Rate::fast);
        ours.coupled_control = false;
        theirs.coupled_control = partner_coupled;
        const auto x = world.add_node(ours), y = world.add_node(theirs);
        const auto wire = world.connect(x, y);
        world.run_for(5s);
        EXPECT(world, world.carries(wire));
        CHECK(world.port(world.a(wire)).mux == MuxState::DISTRIBUTING);
        for (const Event& event : world.events[x]) // distributes only when the partner collects
            if (event.kind == EventKind::mux_state &&
                event.to == static_cast<std::uint32_t>(MuxState::DISTRIBUTING))
                EXPECT(world, event.from == static_cast<std::uint32_t>(MuxState::COLLECTING));
        ours.coupled_control = true;
        world.options(x, ours);
        world.run_for(5s);
        EXPECT(world, world.carries(wire));
        check_rules(world);
    }
}

TEST_CASE("independent control: no end distributes before the other collects") {
    World world;
    LacpOptions independent = with(Rate::fast);
    independent.coupled_control = false;
    const auto x = world.add_node(independent), y = world.add_node(independent);
    const auto wire = world.connect(x, y);
    for (int i = 0; i < 60000; ++i) {
        world.run_for(100us);
        const bool lost = (world.distributes(world.a(wire)) && !world.collects(world.b(wire))) ||
                          (world.distributes(world.b(wire)) && !world.collects(world.a(wire)));
        if (lost) world.broken = "distributes to an end that does not collect";
    }
    EXPECT(world, world.carries(wire));
    check_rules(world);
}

TEST_CASE("the partner's aggregatable bit is heeded: its links are never taken together") {
    World world;
    const auto x = world.add_node(with(Rate::fast)), y = world.add_node(with(Rate::fast));
    const auto first = world.connect(x, y), second = world.connect(x, y);
    world.speed(first, 1000, false);
    world.speed(second, 1000, false);
    world.run_for(30s);
    EXPECT(world, world.port(world.a(first)).aggregator != world.port(world.a(second)).aggregator);
    CHECK(world.status(x).usable_ports == 1);
    CHECK(world.port(world.a(first)).rx == RxState::LACP_DISABLED);
    CHECK(world.sent[world.a(first)].size() < 5);
    world.speed(first, 1000, true);
    world.speed(second, 1000, true);
    world.run_for(8s);
    EXPECT(world, world.carries(first) && world.carries(second));
    check_rules(world);
}

TEST_CASE("the last word of a port that leaves takes it out of the partner at once") {
    World world;
    const auto x = world.add_node(with(Rate::slow)), y = world.add_node(with(Rate::slow));
    const auto first = world.connect(x, y), second = world.connect(x, y);
    world.run_for(60s);
    REQUIRE(world.carries(first));
    world.remove(world.a(first));
    world.run_for(1ms);
    EXPECT(world, !world.distributes(world.b(first)));
    EXPECT(world, world.carries(second));
    const Lacpdu last = world.sent[world.a(first)].back().pdu;
    CHECK((last.actor.state.value & 0x3c) == 0);
    world.add(world.a(first));
    world.run_for(8s);
    EXPECT(world, world.carries(first) && world.carries(second));
    check_rules(world);
}

TEST_CASE("the LACP system follows the bond's MAC within a second") {
    World world;
    const auto x = world.add_node(with(Rate::fast)), y = world.add_node(with(Rate::fast));
    const auto wire = world.connect(x, y);
    world.run_for(10s);
    const Mac other{{2, 0xbd, 0, 0, 9, 9}};
    world.engine(x).set_system_mac(world.bond(x), other, world.now);
    world.drain();
    world.run_for(1s);
    EXPECT(world, world.port(world.b(wire)).partner.system == other);
    world.run_for(5s);
    EXPECT(world, world.carries(wire));
    LacpOptions fixed = with(Rate::fast);
    fixed.actor_system = Mac{{2, 1, 1, 1, 1, 1}};
    world.options(x, fixed);
    world.run_for(8s);
    CHECK(world.status(y).partner_system == fixed.actor_system);
    world.engine(x).set_system_mac(world.bond(x), Mac{{2, 0xbd, 0, 0, 8, 8}}, world.now);
    world.drain();
    world.run_for(3s);
    CHECK(world.status(y).partner_system == fixed.actor_system);
    check_rules(world);
}

TEST_CASE(
    "a change of user key or system priority renegotiates, a change of rate or port priority does not") {
    World world;
    LacpOptions options = with(Rate::fast);
    const auto x = world.add_node(options), y = world.add_node(with(Rate::fast));
    const auto first = world.connect(x, y), second = world.connect(x, y);
    world.run_for(5s);
    options.user_port_key = 77;
    world.options(x, options);
    world.run_for(1ms);
    EXPECT(world, !world.distributes(world.a(first)));
    world.run_for(8s);
    EXPECT(world, world.carries(first) && world.carries(second));
    CHECK(world.status(y).partner_key == make_key(77, 1000, true));
    options.actor_system_priority = {100};
    world.options(x, options);
    world.run_for(8s);
    EXPECT(world, world.carries(first) && world.carries(second));

    world.events.clear();
    options.rate = Rate::slow;
    world.options(x, options);
    world.run_for(40s);
    EXPECT(world, world.carries(first) && world.carries(second));
    for (const Event& event : world.events[x]) EXPECT(world, event.kind != EventKind::forwarding);
    CHECK(world.port(world.b(first)).periodic == PeriodicState::SLOW_PERIODIC);
    check_rules(world);
}

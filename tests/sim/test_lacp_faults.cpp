// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "lacp_world.hpp"
#include "proto/marker.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

LacpOptions fast() {
    LacpOptions options;
    options.rate = Rate::fast;
    return options;
}
struct Pair {
    World world;
    World::Node x, y;
    World::Wire first, second;
    explicit Pair(const LacpOptions& options = fast())
        : x(world.add_node(options)), y(world.add_node(options)), first(world.connect(x, y)),
          second(world.connect(x, y)) {
        world.run_for(60s);
        EXPECT(world, world.carries(first) && world.carries(second));
    }
    ~Pair() { EXPECT(world, world.broken.empty()); }
};
// How long until the condition holds, looked at every millisecond.
Duration until(World& world, Duration limit, const std::function<bool()>& condition) {
    const Time start = world.now;
    while (!condition() && world.now - start < limit) world.run_for(1ms);
    return world.now - start;
}

} // namespace

TEST_CASE("link loss takes a port out at once, both bits cleared, and it is back within 4 s") {
    Pair pair;
    World& world = pair.world;
    world.link(pair.first, false);
    for (const auto end : {world.a(pair.first), world.b(pair.first)}) {
        CHECK_FALSE(world.distributes(end));
        CHECK_FALSE(world.collects(end));
        CHECK((world.port(end).actor.state.value & 0x30) == 0);
    }
    EXPECT(world, world.carries(pair.second));
    world.run_for(100s);
    EXPECT(world, world.carries(pair.second));
    world.link(pair.first, true);
    const Duration back = until(world, 10s, [&] { return world.carries(pair.first); });
    EXPECT(world, back < 4s);
}

TEST_CASE("a silent partner is out 3 s after its last PDU at fast rate, 90 s at slow") {
    for (const Rate rate : {Rate::fast, Rate::slow}) {
        LacpOptions options;
        options.rate = rate;
        Pair pair(options);
        World& world = pair.world;
        world.run_for(500ms);
        const Time last = world.sent[world.b(pair.first)].back().time;
        world.lose(pair.first, false, true);
        until(world, 200s, [&] { return !world.distributes(world.a(pair.first)); });
        const Duration silent = world.now - last, timeout = rate == Rate::fast ? Duration(3s) : Duration(90s);
        EXPECT(world, silent >= timeout && silent <= timeout + 1s);
        // The peer that is still heard stops when we give up on it: our EXPIRED lasts 3 s.
        world.run_for(3s + 10ms);
        EXPECT(world, !world.distributes(world.b(pair.first)));
        EXPECT(world, world.carries(pair.second));
        world.run_for(200s);
        EXPECT(world, world.carries(pair.second) && !world.distributes(world.a(pair.first)));
        world.lose(pair.first, false, false);
        world.run_for(34s);
        EXPECT(world, world.carries(pair.first) && world.carries(pair.second));
    }
}

TEST_CASE("one-way loss ends the use of a link at both ends: within 4 s where nothing is heard, 3 s later at "
          "the other") {
    for (const bool from_a : {true, false}) {
        Pair pair;
        World& world = pair.world;
        const auto deaf = from_a ? world.b(pair.first) : world.a(pair.first);
        world.lose(pair.first, from_a, !from_a);
        world.run_for(4s);
        EXPECT(world, !world.distributes(deaf));
        world.run_for(3s);
        for (int i = 0; i < 20; ++i) {
            EXPECT(world, !world.distributes(world.a(pair.first)) && !world.distributes(world.b(pair.first)));
            EXPECT(world, world.carries(pair.second));
            world.run_for(5s);
        }
    }
}

TEST_CASE("with independent control the end that is heard stops sending as soon as the other expires") {
    LacpOptions options = fast();
    options.coupled_control = false;
    Pair pair(options);
    World& world = pair.world;
    world.lose(pair.first, true, false);
    world.run_for(4s);
    EXPECT(world, !world.distributes(world.a(pair.first)) && !world.distributes(world.b(pair.first)));
    EXPECT(world, world.carries(pair.second));
}

TEST_CASE("two lost PDUs are no reason to stop, three in a row are") {
    Pair pair;
    World& world = pair.world;
    world.run_for(100ms);
    world.events.clear();
    world.lose_next(pair.first, 2, 2);
    world.run_for(10s);
    for (const Event& event : world.events[pair.x]) EXPECT(world, event.kind != EventKind::forwarding);
    EXPECT(world, world.carries(pair.first));
    world.lose_next(pair.first, 4, 0);
    const Duration out = until(world, 10s, [&] { return !world.distributes(world.b(pair.first)); });
    EXPECT(world, out < 4s);
    const Duration back = until(world, 10s, [&] { return world.carries(pair.first); });
    EXPECT(world, back < 4s);
}

TEST_CASE("links to two partners are never used together, and the other partner takes over") {
    World world;
    const auto x = world.add_node(fast()), y = world.add_node(fast()), z = world.add_node(fast());
    const auto y0 = world.connect(x, y), y1 = world.connect(x, y), z0 = world.connect(x, z);
    world.run_for(10s);
    EXPECT(world, world.carries(y0) && world.carries(y1));
    EXPECT(world, !world.distributes(world.a(z0)));
    EXPECT(world, !world.port(world.b(z0)).actor.state.has(StateBit::distributing));
    CHECK(world.status(x).usable_ports == 2);
    world.link(y0, false);
    world.run_for(10s);
    EXPECT(world, world.carries(y1) && !world.distributes(world.a(z0)));
    world.link(y1, false);
    world.run_for(3s);
    EXPECT(world, world.carries(z0));
    world.link(y0, true);
    world.link(y1, true);
    world.run_for(10s);
    EXPECT(world, world.carries(z0) && !world.distributes(world.a(y0))); // stable
    CHECK(world.broken == "");
}

TEST_CASE("policies other than stable go back to the better partner") {
    for (const Select select : {Select::bandwidth, Select::count}) {
        LacpOptions options = fast();
        options.select = select;
        World world;
        const auto x = world.add_node(options), y = world.add_node(fast()), z = world.add_node(fast());
        const auto z0 = world.connect(x, z);
        world.run_for(5s);
        EXPECT(world, world.carries(z0));
        const auto y0 = world.connect(x, y), y1 = world.connect(x, y);
        world.run_for(5s);
        EXPECT(world, world.carries(y0) && world.carries(y1) && !world.distributes(world.a(z0)));
        CHECK(world.broken == "");
    }
}

TEST_CASE("cables crossed between two bonds are never mixed into one") {
    // Two pairs of systems; one cable of each pair ends at the other pair.
    World world;
    const auto a = world.add_node(fast()), b = world.add_node(fast()), c = world.add_node(fast()),
               d = world.add_node(fast());
    const auto ab = world.connect(a, b), ad = world.connect(a, d), cd = world.connect(c, d),
               cb = world.connect(c, b);
    world.run_for(20s);
    int carrying = 0;
    for (const auto wire : {ab, ad, cd, cb}) carrying += world.carries(wire) ? 1 : 0;
    EXPECT(world, carrying >= 1);
    for (World::Node node = 0; node < 4; ++node) EXPECT(world, world.status(node).usable_ports <= 1);
    CHECK(world.broken == "");
}

TEST_CASE("a ring of systems with one cable to each neighbour does not wait for itself") {
    for (const std::size_t count : {3U, 4U, 5U, 8U}) {
        World world;
        for (std::size_t i = 0; i < count; ++i) world.add_node(fast());
        for (std::size_t i = 0; i < count; ++i) world.connect(i, (i + 1) % count);
        world.run_for(60s);
        std::size_t carrying = 0;
        for (World::Wire wire = 0; wire < world.wire_count(); ++wire) carrying += world.carries(wire) ? 1 : 0;
        EXPECT(world, carrying >= 1);
        CHECK(world.broken == "");
    }
}

TEST_CASE("mixed speeds make two aggregators and the faster one carries, at both ends") {
    World world;
    const auto x = world.add_node(fast()), y = world.add_node(fast());
    const auto s0 = world.connect(x, y, 1000), s1 = world.connect(x, y, 1000),
               f0 = world.connect(x, y, 10000), f1 = world.connect(x, y, 10000);
    world.run_for(10s);
    EXPECT(world, world.carries(f0) && world.carries(f1));
    EXPECT(world, !world.distributes(world.a(s0)) && !world.distributes(world.b(s1)));
    world.link(f0, false);
    world.link(f1, false);
    world.run_for(10s);
    EXPECT(world, world.carries(s0) && world.carries(s1));
    CHECK(world.broken == "");
}

TEST_CASE("equal aggregators between two systems that meet them in another order agree on one") {
    World world;
    const auto x = world.add_node(fast()), y = world.add_node(fast());
    const auto p = world.connect(x, y, 10000), q = world.connect(x, y, 1000), r = world.connect(x, y, 1000);
    world.speed(p, 2000); // not a listed speed: its own key, and as much as the two others
    world.lose_next(p, 0, 2);
    world.lose_next(q, 2, 0);
    world.run_for(10s);
    EXPECT(world, world.carries(p) != (world.carries(q) && world.carries(r)));
    CHECK(world.broken == "");
}

TEST_CASE("a speed that changes while the link stays up moves the port to another aggregator") {
    Pair pair;
    World& world = pair.world;
    world.speed(pair.first, 100);
    world.run_for(10s);
    EXPECT(world, world.carries(pair.second) && !world.distributes(world.a(pair.first)));
    world.speed(pair.first, 1000);
    world.run_for(10s);
    EXPECT(world, world.carries(pair.first) && world.carries(pair.second));
}

TEST_CASE("a system that restarts without a word is back within 6 s") {
    Pair pair;
    World& world = pair.world;
    world.restart(pair.y);
    const Duration back =
        until(world, 20s, [&] { return world.carries(pair.first) && world.carries(pair.second); });
    EXPECT(world, back < 6s);
}

TEST_CASE("a flapping link never disturbs the other and settles when it stops") {
    Pair pair;
    World& world = pair.world;
    for (int i = 0; i < 50; ++i) {
        world.link(pair.first, false);
        world.run_for(std::chrono::milliseconds(10 + 37 * (i % 11)));
        world.link(pair.first, true);
        world.run_for(std::chrono::milliseconds(10 + 53 * (i % 7)));
        EXPECT(world, world.carries(pair.second));
    }
    const Duration back = until(world, 10s, [&] { return world.carries(pair.first); });
    EXPECT(world, back < 5s);
}

TEST_CASE("a cable moved to another port: the old port forgets its partner") {
    Pair pair;
    World& world = pair.world;
    world.link(pair.first, false);
    CHECK(world.port(world.a(pair.first)).partner.system == world.system_of(pair.y));
    // What the partner's first port says now arrives on our second port.
    Lacpdu moved;
    moved.actor = world.port(world.b(pair.first)).actor;
    SlowFrame frame;
    encode_lacpdu(frame, Mac{{2, 0, 0, 0, 0, 9}}, moved);
    world.inject(world.a(pair.second), frame);
    CHECK(world.port(world.a(pair.first)).partner.system.is_zero());
    world.run_for(10s);
    EXPECT(world, world.carries(pair.second));
}

TEST_CASE(
    "without a partner one port carries and says that it may be a black hole; lacp_strict prevents it") {
    World world;
    LacpOptions options = fast();
    const auto x = world.add_node(options);
    const auto first = world.connect_nowhere(x), second = world.connect_nowhere(x);
    world.run_for(2s);
    CHECK(world.status(x).usable_ports == 0); // it may still come
    world.run_for(3s);
    CHECK(world.status(x).usable_ports == 1);
    CHECK(world.port(world.a(first)).without_partner);
    CHECK(world.port(world.a(first)).mux == MuxState::ATTACHED);
    CHECK_FALSE(world.distributes(world.a(second)));
    CHECK(std::count_if(world.events[x].begin(), world.events[x].end(),
                        [](const Event& e) { return e.kind == EventKind::black_hole && e.to == 1; }) == 1);
    options.strict = true;
    world.options(x, options);
    CHECK(world.status(x).usable_ports == 0);
    CHECK(world.events[x].back().kind == EventKind::forwarding);
    options.strict = false;
    world.options(x, options);
    CHECK(world.status(x).usable_ports == 1);
    world.link(first, false);
    world.run_for(3s);
    CHECK(world.distributes(world.a(second)));
    CHECK(world.broken == "");
}

TEST_CASE("a port that hears only itself expires, defaults and churns") {
    World world;
    const auto x = world.add_node(fast());
    const auto wire = world.connect_loop(x);
    world.run_for(3s);
    EXPECT(world, world.port(world.a(wire)).rx == RxState::DEFAULTED);
    CHECK(world.port(world.a(wire)).counters.loopback_rx > 0);
    CHECK(world.port(world.a(wire)).counters.lacpdu_rx == 0);
    world.run_for(100s);
    EXPECT(world, world.port(world.a(wire)).partner_churn.state == ChurnState::CHURN);
    CHECK(world.broken == "");
}

TEST_CASE("frames looped back to a port in CURRENT do not keep it there") {
    Pair pair;
    World& world = pair.world;
    world.lose(pair.first, false, true);
    for (int i = 0; i < 50; ++i) {
        world.run_for(100ms);
        SlowFrame own;
        encode_lacpdu(own, Mac{{2, 0, 0, 0, 0, 9}}, {1, world.port(world.a(pair.first)).actor, {}, 0});
        world.inject(world.a(pair.first), own);
    }
    EXPECT(world, !world.distributes(world.a(pair.first)));
}

TEST_CASE("malformed frames do not keep a port in CURRENT, and are counted") {
    Pair pair;
    World& world = pair.world;
    world.lose(pair.first, false, true);
    SlowFrame bad[4];
    const LacpInfo& partner = world.port(world.a(pair.first)).partner;
    for (SlowFrame& frame : bad) encode_lacpdu(frame, Mac{{2, 0, 0, 0, 0, 9}}, {1, partner, {}, 0});
    bad[0][17] = 19;                                                      // length of the actor's TLV
    bad[1][5] = 0x0e;                                                     // another destination
    std::fill(bad[2].begin() + 20, bad[2].begin() + 26, std::uint8_t{0}); // system zero
    for (int i = 0; i < 50; ++i) {
        world.run_for(100ms);
        for (int k = 0; k < 3; ++k) world.inject(world.a(pair.first), bad[k]);
        world.inject(world.a(pair.first), Bytes(bad[3]).first(123));
    }
    EXPECT(world, !world.distributes(world.a(pair.first)));
    CHECK(world.port(world.a(pair.first)).counters.bad_rx == 200);
    const auto& events = world.events[pair.x];
    CHECK(std::count_if(events.begin(), events.end(),
                        [](const Event& e) { return e.kind == EventKind::bad_pdu; }) <= 6);
}

TEST_CASE("churn is counted and ends when sync is back") {
    World world;
    LacpOptions options = fast();
    options.strict = true;
    const auto x = world.add_node(options), y = world.add_node(options);
    const auto wire = world.connect(x, y);
    world.lose(wire, true, true);
    world.run_for(70s);
    EXPECT(world, world.port(world.a(wire)).partner_churn.state == ChurnState::CHURN);
    CHECK(world.port(world.a(wire)).partner_churn.count == 1);
    world.lose(wire, false, false);
    world.run_for(36s);
    EXPECT(world, world.carries(wire));
    EXPECT(world, world.port(world.a(wire)).partner_churn.state == ChurnState::NO_CHURN);
    CHECK(world.status(x).ports[0].partner_churn_count == 1);
    CHECK(world.broken == "");
}

TEST_CASE("a marker run is answered by a partner of ours, times out on a silent link, forgives a lost one") {
    Pair pair;
    World& world = pair.world;
    const auto start = [&] { return world.start_marker(pair.x, MemberSet::of_bits(0b11), 100ms); };
    REQUIRE(start().has_value());
    world.run_for(10ms);
    REQUIRE(world.markers.size() == 1);
    CHECK(world.markers[0].all_answered());
    CHECK(world.markers[0].answered.bits() == 0b11);
    CHECK(world.port(world.b(pair.first)).counters.marker_rx == 1);
    CHECK(world.port(world.a(pair.first)).counters.marker_response_rx == 1);

    world.lose(pair.first, true, false);
    REQUIRE(start().has_value());
    world.run_for(200ms);
    REQUIRE(world.markers.size() == 2);
    CHECK(world.markers[1].timed_out().bits() == 0b01);

    REQUIRE(start().has_value());
    world.link(pair.first, false);
    world.run_for(10ms);
    REQUIRE(world.markers.size() == 3);
    CHECK(world.markers[2].all_answered());
    CHECK(world.markers[2].gone.bits() == 0b01);
}

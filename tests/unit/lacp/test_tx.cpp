// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "lacp/marker.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

TEST_CASE("an LACPDU leaves only with NTT, on a port that is up, has LACP on and is not in NO_PERIODIC") {
    Port port = make_current();
    port.periodic = PeriodicState::SLOW_PERIODIC;
    CHECK_FALSE(must_transmit(port, at(0s)));
    port.ntt = true;
    CHECK(must_transmit(port, at(0s)));
    drop_needless_ntt(port);
    CHECK(port.ntt);

    const auto silent = [&](auto change) {
        Port changed = port;
        change(changed);
        const bool must = must_transmit(changed, at(0s));
        drop_needless_ntt(changed);
        return !must && !changed.ntt;
    };
    CHECK(silent([](Port& p) { p.port_enabled = false; }));
    CHECK(silent([](Port& p) { p.lacp_enabled = false; }));
    CHECK(silent([](Port& p) { p.periodic = PeriodicState::NO_PERIODIC; }));
}

TEST_CASE("the fourth LACPDU within a second waits until the first is old enough") {
    Port port = make_current();
    port.periodic = PeriodicState::FAST_PERIODIC;
    for (const auto when : {0ms, 100ms, 200ms}) {
        port.ntt = true;
        REQUIRE(must_transmit(port, at(when)));
        port.pdu_window.note(at(when));
    }
    CHECK_FALSE(must_transmit(port, at(300ms)));
    CHECK(transmit_deadline(port) == at(kTransmitWindow));
    CHECK_FALSE(must_transmit(port, at(kTransmitWindow - 1ns)));
    CHECK(must_transmit(port, at(kTransmitWindow)));
    port.ntt = false;
    CHECK(transmit_deadline(port) == kNever);
}

TEST_CASE("the last LACPDU clears aggregation, synchronization, collecting and distributing") {
    Port port = make_current();
    port.actor.state.value = 0x3f;
    CHECK(compose(port).actor.state.value == 0x3f);
    CHECK(compose_last(port).actor.state.value == 0x03);
    CHECK(compose_last(port).partner == port.partner);
}

TEST_CASE("a port's deadline is its earliest timer") {
    Port port = make_current();
    port.current_while = at(9s);
    port.periodic_timer = at(8s);
    port.actor_churn.timer = at(7s);
    port.partner_churn.timer = at(6s);
    port.wait_while = at(5s);
    CHECK(port_deadline(port) == at(5s));
    port.wait_while = kNever;
    CHECK(port_deadline(port) == at(6s));
}

TEST_CASE("keys differ exactly where user key, speed or duplex do") {
    const std::uint32_t speeds[] = {10,    100,   1000,  2500,   5000,   10000,  20000,  25000,   40000,
                                    50000, 56000, 80000, 100000, 200000, 400000, 800000, 1600000, 0};
    for (const std::uint32_t a : speeds)
        for (const std::uint32_t b : speeds)
            CHECK((make_key(0, a, true) == make_key(0, b, true)) == (a == b));
    CHECK(make_key(0, 1000, true) != make_key(0, 1000, false));
    CHECK(make_key(1, 1000, true) != make_key(2, 1000, true));
    CHECK(make_key(0, 1000, true).value == 9);
    CHECK(make_key(1023, 0, true).value == 0xffff);
    CHECK(make_key(0, 0, false).value != 0);
    CHECK(make_key(0, 1234, true) == make_key(0, 0, true)); // a speed that is not listed is an unknown one
}

TEST_CASE("a marker run ends when all have answered, or at its deadline") {
    MarkerRuns runs;
    const auto run = runs.start({3}, MemberSet::of_bits(0b111), MemberSet{{2}}, {}, at(1s));
    REQUIRE(run.has_value());
    CHECK(runs.deadline() == at(1s));
    runs.answered(*run, {0});
    runs.answered({run->value + 1}, {1}); // of another run
    runs.answered(*run, {9});             // was not asked
    CHECK_FALSE(runs.finish(at(0s)).has_value());
    SECTION("answered") {
        runs.answered(*run, {1});
        const auto result = runs.finish(at(0s));
        REQUIRE(result.has_value());
        CHECK(result->all_answered());
        CHECK(result->answered.bits() == 0b011);
        CHECK(result->gone.bits() == 0b100);
        CHECK(result->bond == BondId{3});
    }
    SECTION("link lost") {
        runs.lost({1});
        CHECK(runs.finish(at(0s))->all_answered());
    }
    SECTION("timed out") {
        const auto result = runs.finish(at(1s));
        REQUIRE(result.has_value());
        CHECK(result->timed_out().bits() == 0b010);
        CHECK_FALSE(result->all_answered());
    }
    CHECK_FALSE(runs.finish(at(10s)).has_value());
    CHECK(runs.deadline() == kNever);
}

TEST_CASE("a bond has at most so many marker runs at a time") {
    MarkerRuns runs;
    for (std::size_t i = 0; i < MarkerRuns::kMaxRuns; ++i)
        CHECK(runs.start({}, MemberSet{{0}}, {}, {}, at(1s)).has_value());
    CHECK_FALSE(runs.start({}, MemberSet{{0}}, {}, {}, at(1s)).has_value());
    REQUIRE(runs.finish(at(1s)).has_value());
    CHECK(runs.start({}, MemberSet{{0}}, {}, {}, at(2s)).has_value());
}

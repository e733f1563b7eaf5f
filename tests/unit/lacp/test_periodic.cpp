// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

std::optional<PeriodicState> periodic_next(const Port& port, Duration since_start = 0s) {
    return PeriodicMachine::next(port, at(since_start));
}
Port in_state(PeriodicState state, bool partner_short) {
    Port port = make_current();
    port.partner.state.set(StateBit::timeout, partner_short);
    port.periodic = PeriodicState::SLOW_PERIODIC;
    PeriodicMachine::enter(port, state, at(0s));
    port.ntt = false;
    return port;
}
constexpr PeriodicState kAll[] = {PeriodicState::FAST_PERIODIC, PeriodicState::SLOW_PERIODIC,
                                  PeriodicState::PERIODIC_TX};

} // namespace

TEST_CASE(
    "NO_PERIODIC is entered from every state when the port is down, LACP is off or both sides are passive") {
    for (const PeriodicState state : kAll) {
        Port down = in_state(state, true);
        down.port_enabled = false;
        CHECK(periodic_next(down) == PeriodicState::NO_PERIODIC);
        Port off = in_state(state, true);
        off.lacp_enabled = false;
        CHECK(periodic_next(off) == PeriodicState::NO_PERIODIC);
        Port passive = in_state(state, true);
        passive.actor.state.clear(StateBit::activity);
        CHECK(periodic_next(passive) != PeriodicState::NO_PERIODIC); // the partner is active
        passive.partner.state.clear(StateBit::activity);
        CHECK(periodic_next(passive) == PeriodicState::NO_PERIODIC);
        PeriodicMachine::enter(passive, PeriodicState::NO_PERIODIC, at(0s));
        CHECK(passive.periodic_timer == kNever);
        CHECK(periodic_next(passive, 1000s) == std::nullopt);
    }
}

TEST_CASE("NO_PERIODIC goes on to FAST_PERIODIC and speaks at once") {
    Port port = in_state(PeriodicState::NO_PERIODIC, false);
    CHECK(periodic_next(port) == PeriodicState::FAST_PERIODIC);
    PeriodicMachine::enter(port, PeriodicState::FAST_PERIODIC, at(0s));
    CHECK(port.ntt);
    CHECK(port.periodic_timer == at(1s));
}

TEST_CASE("NO_PERIODIC stays while the port is down, has LACP off, or nobody is active") {
    for (int reason = 0; reason < 3; ++reason) {
        Port port = in_state(PeriodicState::NO_PERIODIC, true);
        if (reason == 0) port.port_enabled = false;
        if (reason == 1) port.lacp_enabled = false;
        if (reason == 2) {
            port.actor.state.clear(StateBit::activity);
            port.partner.state.clear(StateBit::activity);
        }
        CHECK(periodic_next(port, 1000s) == std::nullopt);
        if (reason == 2) { // either side's activity is enough
            port.partner.state.set(StateBit::activity);
            CHECK(periodic_next(port) == PeriodicState::FAST_PERIODIC);
            port.partner.state.clear(StateBit::activity);
            port.actor.state.set(StateBit::activity);
            CHECK(periodic_next(port) == PeriodicState::FAST_PERIODIC);
        }
    }
}

TEST_CASE("FAST_PERIODIC whose second is over transmits before it turns slow") {
    Port port = in_state(PeriodicState::FAST_PERIODIC, false);
    CHECK(periodic_next(port, 1s) == PeriodicState::PERIODIC_TX);
    PeriodicMachine::enter(port, PeriodicState::PERIODIC_TX, at(1s));
    CHECK(port.ntt);
    CHECK(periodic_next(port, 1s) == PeriodicState::SLOW_PERIODIC);
    PeriodicMachine::enter(port, PeriodicState::SLOW_PERIODIC, at(1s));
    CHECK(port.periodic_timer == at(31s));
}

TEST_CASE("FAST_PERIODIC transmits after 1 s and turns slow without a word") {
    Port port = in_state(PeriodicState::FAST_PERIODIC, true);
    CHECK(periodic_next(port, 1s - 1ns) == std::nullopt);
    CHECK(periodic_next(port, 1s) == PeriodicState::PERIODIC_TX);
    port.partner.state.clear(StateBit::timeout);
    CHECK(periodic_next(port) == PeriodicState::SLOW_PERIODIC);
    PeriodicMachine::enter(port, PeriodicState::SLOW_PERIODIC, at(0s));
    CHECK_FALSE(port.ntt);
}

TEST_CASE("SLOW_PERIODIC transmits after 30 s, or at once when the partner wants short timeouts") {
    Port port = in_state(PeriodicState::SLOW_PERIODIC, false);
    CHECK(periodic_next(port, 30s - 1ns) == std::nullopt);
    CHECK(periodic_next(port, 30s) == PeriodicState::PERIODIC_TX);
    port.partner.state.set(StateBit::timeout);
    CHECK(periodic_next(port, 10s) == PeriodicState::PERIODIC_TX);
    PeriodicMachine::enter(port, PeriodicState::PERIODIC_TX, at(10s));
    CHECK(port.ntt);
    CHECK(periodic_next(port, 10s) == PeriodicState::FAST_PERIODIC);
    PeriodicMachine::enter(port, PeriodicState::FAST_PERIODIC, at(10s));
    CHECK(port.periodic_timer == at(11s));
}

TEST_CASE("PERIODIC_TX sets NTT and returns to the period that the partner asks for") {
    for (const bool fast : {false, true}) {
        Port port = in_state(fast ? PeriodicState::FAST_PERIODIC : PeriodicState::SLOW_PERIODIC, fast);
        PeriodicMachine::enter(port, PeriodicState::PERIODIC_TX, at(fast ? 1s : 30s));
        CHECK(port.ntt);
        CHECK(periodic_next(port) == (fast ? PeriodicState::FAST_PERIODIC : PeriodicState::SLOW_PERIODIC));
    }
}

TEST_CASE("a late call does not shift the deadlines that follow, one a period late starts anew") {
    Port port = in_state(PeriodicState::FAST_PERIODIC, true);
    PeriodicMachine::enter(port, PeriodicState::PERIODIC_TX, at(1s + 40ms));
    PeriodicMachine::enter(port, PeriodicState::FAST_PERIODIC, at(1s + 40ms));
    CHECK(port.periodic_timer == at(2s));
    PeriodicMachine::enter(port, PeriodicState::PERIODIC_TX, at(7s));
    PeriodicMachine::enter(port, PeriodicState::FAST_PERIODIC, at(7s));
    CHECK(port.periodic_timer == at(8s));
}

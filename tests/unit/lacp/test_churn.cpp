// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

// The same diagram on each side: whose sync bit, whose record.
struct ActorSide {
    using Machine = ActorChurnMachine;
    static void sync(Port& port, bool on) { port.actor.state.set(StateBit::synchronization, on); }
    static Churn& churn(Port& port) { return port.actor_churn; }
};
struct PartnerSide {
    using Machine = PartnerChurnMachine;
    static void sync(Port& port, bool on) { port.partner.state.set(StateBit::synchronization, on); }
    static Churn& churn(Port& port) { return port.partner_churn; }
};

} // namespace

TEMPLATE_TEST_CASE("churn detection follows its diagram", "", ActorSide, PartnerSide) {
    using Machine = typename TestType::Machine;
    Port port = make_port();
    Churn& churn = TestType::churn(port);
    const auto next = [&](Duration since_start) { return Machine::next(port, at(since_start)); };
    TestType::sync(port, false);

    SECTION("while the link is down the timer does not run") {
        port.port_enabled = false;
        Machine::enter(port, ChurnState::MONITOR, at(0s));
        CHECK(churn.timer == kNever);
        CHECK(next(1000s) == std::nullopt);
        port.port_enabled = true;
        CHECK(next(1000s) == ChurnState::MONITOR);
        Machine::enter(port, ChurnState::MONITOR, at(1000s));
        CHECK(churn.timer == at(1060s));
    }
    SECTION("60 s without sync is churn, and it is counted") {
        Machine::enter(port, ChurnState::MONITOR, at(0s));
        CHECK(next(60s - 1ns) == std::nullopt);
        CHECK(next(60s) == ChurnState::CHURN);
        Machine::enter(port, ChurnState::CHURN, at(60s));
        CHECK(churn.count == 1);
        CHECK(churn.timer == kNever);
        CHECK(next(1000s) == std::nullopt);
        TestType::sync(port, true);
        CHECK(next(1000s) == ChurnState::NO_CHURN); // and does not wait for the link to restart
    }
    SECTION("sync within 60 s is none, and its loss is monitored again") {
        Machine::enter(port, ChurnState::MONITOR, at(0s));
        TestType::sync(port, true);
        CHECK(next(1s) == ChurnState::NO_CHURN);
        Machine::enter(port, ChurnState::NO_CHURN, at(1s));
        CHECK(churn.timer == kNever);
        CHECK(next(1000s) == std::nullopt);
        TestType::sync(port, false);
        CHECK(next(1000s) == ChurnState::MONITOR);
    }
    SECTION("a lost link leads to MONITOR from every state") {
        for (const ChurnState state : {ChurnState::NO_CHURN, ChurnState::CHURN, ChurnState::MONITOR}) {
            port.port_enabled = true;
            Machine::enter(port, state, at(0s));
            port.port_enabled = false;
            TestType::sync(port, true);
            CHECK(next(1s) == ChurnState::MONITOR);
        }
    }
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "monitor/link.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;
using State = LinkMonitor::State;

namespace {

Time at(std::chrono::milliseconds t) { return Time{} + t; }
constexpr LinkMonitor::Delays kNone{}, kBoth{200ms, 300ms};

LinkMonitor started(bool carrier, LinkMonitor::Delays delays = {}) {
    LinkMonitor m;
    m.start(carrier, at(0ms), delays);
    return m;
}

LinkMonitor in_state(State s) { // with kBoth, since 1000 ms
    LinkMonitor m = started(s == State::up || s == State::going_down);
    if (s == State::going_down) m.handle_carrier(false, at(1000ms), kBoth);
    if (s == State::going_back) m.handle_carrier(true, at(1000ms), kBoth);
    return m;
}

} // namespace

TEST_CASE("a new member is up with carrier, down without, and waits while updelay runs") {
    CHECK(started(true).state() == State::up);
    CHECK(started(false).state() == State::down);
    const LinkMonitor waiting = started(true, kBoth);
    CHECK(waiting.state() == State::going_back);
    CHECK(waiting.deadline() == at(200ms));
    CHECK_FALSE(waiting.up());
}

TEST_CASE("every state and every word of the link") {
    struct Row {
        State from;
        bool carrier;
        State with_delays, without;
        Time deadline; // with delays
    };
    const Row rows[] = {
        {State::up, true, State::up, State::up, kNever},
        {State::up, false, State::going_down, State::down, at(1400ms)},
        {State::going_down, true, State::up, State::up, kNever},
        {State::going_down, false, State::going_down, State::going_down, at(1300ms)}, // does not start anew
        {State::down, true, State::going_back, State::up, at(1300ms)},
        {State::down, false, State::down, State::down, kNever},
        {State::going_back, true, State::going_back, State::going_back, at(1200ms)},
        {State::going_back, false, State::down, State::down, kNever},
    };
    for (const Row& r : rows) {
        INFO("from " << static_cast<int>(r.from) << ", carrier " << r.carrier);
        LinkMonitor m = in_state(r.from);
        REQUIRE(m.state() == r.from);
        CHECK(m.handle_carrier(r.carrier, at(1100ms), kBoth) == (r.with_delays != r.from));
        CHECK(m.state() == r.with_delays);
        CHECK(m.deadline() == r.deadline);
        LinkMonitor quick = in_state(r.from);
        CHECK(quick.handle_carrier(r.carrier, at(1100ms), kNone) == (r.without != r.from));
        CHECK(quick.state() == r.without);
    }
}

TEST_CASE("a delay ends when it is over and not before") {
    for (const auto& [from, to, end] : {std::tuple{State::going_down, State::down, at(1300ms)},
                                        std::tuple{State::going_back, State::up, at(1200ms)}}) {
        LinkMonitor m = in_state(from);
        CHECK_FALSE(m.handle_timeout(end - 1ns));
        CHECK(m.state() == from);
        CHECK(m.handle_timeout(end));
        CHECK(m.state() == to);
        CHECK(m.deadline() == kNever);
        CHECK_FALSE(m.handle_timeout(end + 1h));
        CHECK(m.state() == to);
    }
}

TEST_CASE("a member is used until downdelay is over, and only after updelay") {
    CHECK(in_state(State::up).up());
    CHECK(in_state(State::going_down).up());
    CHECK_FALSE(in_state(State::down).up());
    CHECK_FALSE(in_state(State::going_back).up());
}

TEST_CASE("updelay can be cut short, nothing else can") {
    for (const State s : {State::up, State::going_down, State::down}) {
        LinkMonitor m = in_state(s);
        CHECK_FALSE(m.skip_updelay());
        CHECK(m.state() == s);
    }
    LinkMonitor m = in_state(State::going_back);
    CHECK(m.skip_updelay());
    CHECK(m.state() == State::up);
    CHECK(m.deadline() == kNever);
}

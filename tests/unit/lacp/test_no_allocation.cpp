// SPDX-License-Identifier: BSD-3-Clause
// The engine allocates nothing once its bonds are there: counted by an operator new of this binary's own.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <new>

#include "fixture.hpp"
#include "lacp/engine.hpp"
#include "proto/marker.hpp"

namespace {
thread_local std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace dpdkbond;
using namespace dpdkbond::lacp;

TEST_CASE("neither frames, links, timers, options nor members make the engine allocate") {
    LacpOptions options;
    options.rate = Rate::fast;
    Engine near{1}, far{1};
    const BondId bond = *near.add_bond(options, kOurSystem);
    far.add_bond(options, kTheirSystem);
    Time now = at(0s);
    BondStatus status;
    std::size_t frames = 0, events = 0;

    const std::size_t before = allocations;
    for (std::uint8_t member = 0; member < kMaxPorts; ++member)
        for (Engine* engine : {&near, &far}) {
            engine->add_port({bond, {member}}, kOurSystem, kDefaultPortPriority, now);
            engine->handle_link({bond, {member}}, true, 10000, true, now);
        }
    for (int i = 0; i < 400; ++i) {
        now += 100ms;
        if (i % 40 == 39)
            near.handle_link({bond, {static_cast<std::uint8_t>(i / 40)}}, i % 80 == 39, 10000, true, now);
        if (i == 150) near.remove_port({bond, {31}}, now);
        if (i == 200) near.set_options(bond, {}, now);
        if (i % 50 == 0) near.start_marker(bond, MemberSet::all(), now + 1s, now);
        near.handle_timeout(now);
        far.handle_timeout(now);
        for (int turn = 0; turn < 4; ++turn) {
            while (const auto frame = near.poll_transmit())
                far.handle_frame(frame->port, frame->bytes, now), ++frames;
            while (const auto frame = far.poll_transmit())
                near.handle_frame(frame->port, frame->bytes, now), ++frames;
        }
        while (near.poll_event()) ++events;
        while (far.poll_event()) {
        }
        while (near.poll_marker()) {
        }
        near.status(bond, status);
    }
    const std::size_t during = allocations - before;
    CHECK(during == 0);
    CHECK(before > 0); // the counter counts
    CHECK(frames > 1000);
    CHECK(events > 100);
    CHECK(status.usable_ports > 20);
}

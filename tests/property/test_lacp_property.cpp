// SPDX-License-Identifier: BSD-3-Clause
// Whatever happens to a few systems, in whatever order: the machines come to rest, distributing implies sync,
// no aggregator holds two LAG IDs, no port sends four LACPDUs within a second (all watched by World at every
// step), and once the wires are whole again and time has passed, both ends of each wire agree and something
// is carried. DPDKBOND_PROPERTY_RUNS sets how many sequences (100000 for a full run), RC_PARAMS the rest.
#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <cstdlib>

#include "lacp_world.hpp"
#include "proto/marker.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

struct Step {
    std::uint8_t kind, what, how;
    std::uint16_t more;
};
std::ostream& operator<<(std::ostream& out, const Step& s) {
    return out << '{' << +s.kind << ' ' << +s.what << ' ' << +s.how << ' ' << s.more << '}';
}

LacpOptions options_from(std::uint8_t how, std::uint16_t more) {
    LacpOptions options;
    options.rate = (how & 1) != 0 ? Rate::fast : Rate::slow;
    options.active = (how & 2) == 0 || (how & 4) == 0; // passive in one of four
    options.coupled_control = (how & 8) == 0;
    options.strict = (how & 16) != 0;
    options.select = static_cast<Select>(more & 3U);
    options.user_port_key = (more >> 2U) & 1U;
    if ((more & 0x30U) == 0x30U)
        options.actor_system = Mac{{2, 1, 1, 1, 1, static_cast<std::uint8_t>(more >> 8U)}};
    if ((more & 0xc0U) == 0xc0U) options.actor_system_priority = {100};
    return options;
}

// A frame that somebody makes up: right in form, about anything.
SlowFrame forged(const Step& step, const World& world, World::End end) {
    SlowFrame frame;
    Lacpdu pdu;
    pdu.actor = (step.how & 1) != 0 ? world.port(end).partner : world.port(end).actor;
    pdu.partner = (step.how & 2) != 0 ? world.port(end).actor : world.port(end).partner;
    pdu.actor.system.bytes[5] = static_cast<std::uint8_t>(pdu.actor.system.bytes[5] + (step.how >> 6U));
    pdu.actor.state.value = static_cast<std::uint8_t>(step.more);
    encode_lacpdu(frame, Mac{{2, 0, 0, 0, 0, 9}}, pdu);
    if ((step.how & 4) != 0) frame[(step.more >> 8U) % kSlowFrameSize] ^= step.how;
    return frame;
}

void apply(World& world, const Step& step) {
    const World::Wire wire = step.what % world.wire_count();
    const World::Node node = step.what % world.node_count();
    const World::End end = (step.how & 32) != 0 ? world.a(wire) : world.b(wire);
    switch (step.kind % 16) {
    case 0: world.link(wire, false); break;
    case 1:
    case 2: world.link(wire, true); break;
    case 3: world.lose(wire, (step.how & 1) != 0, (step.how & 2) != 0); break;
    case 4: world.lose_next(wire, step.how & 7U, (step.how >> 3U) & 7U); break;
    case 5: {
        static constexpr std::uint32_t speeds[] = {1000, 10000, 100, 0};
        world.speed(wire, speeds[step.how & 3U], (step.how & 12U) != 12U);
        break;
    }
    case 6: world.options(node, options_from(step.how, step.more)); break;
    case 7: world.remove(end); break;
    case 8: world.add(end); break;
    case 9: world.restart(node); break;
    case 10: world.inject(end, forged(step, world, end)); break;
    case 11: world.stall(node, std::chrono::milliseconds(step.more % 5000)); break;
    case 12:
        world.engine(node).set_port_priority({world.bond(node), {static_cast<std::uint8_t>(step.how & 3U)}},
                                             {step.more}, world.now);
        world.drain();
        break;
    case 13:
        world.start_marker(node, MemberSet::of_bits(step.how), std::chrono::milliseconds(step.more % 500));
        break;
    default: break;
    }
    // Mostly short whiles, some that let timers of seconds run out, a few for those of a minute.
    const std::uint16_t while_ms = step.more % 4096;
    world.run_for(std::chrono::milliseconds((step.how & 0xc0U) == 0xc0U ? while_ms * 20
                                                                        : while_ms >> (step.how >> 5U)));
}

void heal(World& world) {
    LacpOptions options;
    options.rate = Rate::fast;
    for (World::Node node = 0; node < world.node_count(); ++node) world.options(node, options);
    for (World::Wire wire = 0; wire < world.wire_count(); ++wire) {
        world.add(world.a(wire));
        world.add(world.b(wire));
        world.lose(wire, false, false);
        world.lose_next(wire, 0, 0);
        world.speed(wire, 1000);
        world.link(wire, true);
    }
    world.run_for(100s);
}

void scenario(std::size_t nodes, const std::vector<Step>& steps) {
    World world;
    world.keep_history = false;
    LacpOptions options;
    options.rate = Rate::fast;
    for (std::size_t i = 0; i < nodes; ++i) world.add_node(options);
    for (std::size_t i = 0; i < 4; ++i) world.connect(i % nodes, (i + 1) % nodes);
    for (const Step& step : steps) {
        apply(world, step);
        if (!world.broken.empty()) break;
    }
    if (world.broken.empty()) heal(world);

    RC_LOG() << world.trace();
    RC_ASSERT(world.broken.empty());
    bool any = false;
    for (World::Wire wire = 0; wire < world.wire_count(); ++wire) {
        RC_ASSERT(world.distributes(world.a(wire)) == world.collects(world.b(wire)));
        RC_ASSERT(world.distributes(world.b(wire)) == world.collects(world.a(wire)));
        any |= world.carries(wire);
    }
    RC_ASSERT(any);
}

void set_runs() {
    if (std::getenv("RC_PARAMS") != nullptr) return;          // NOLINT(concurrency-mt-unsafe)
    const char* runs = std::getenv("DPDKBOND_PROPERTY_RUNS"); // NOLINT(concurrency-mt-unsafe)
    setenv("RC_PARAMS", ("max_success=" + std::string(runs != nullptr ? runs : "1000")).c_str(), 1); // NOLINT
}

const auto steps = [] {
    return rc::gen::container<std::vector<Step>>(
        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t bits) {
            return Step{static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8U),
                        static_cast<std::uint8_t>(bits >> 16U), static_cast<std::uint16_t>(bits >> 24U)};
        }));
};

} // namespace

TEST_CASE("no sequence of events breaks the rules of LACP between two, three or four systems") {
    set_runs();
    CHECK(rc::check("rules hold and the bond heals", [] {
        const auto nodes = *rc::gen::inRange<std::size_t>(2, 5);
        scenario(nodes, *steps());
    }));
}

// SPDX-License-Identifier: BSD-3-Clause
#include <cstdio>
#include <cstdlib>

#include "fuzz_reader.hpp"
#include "fuzz_targets.hpp"
#include "lacp_world.hpp"

namespace dpdkbond::fuzz {

namespace {

using namespace lacp;

// A frame about the port's own affairs with the reader's bytes written over it from some offset on.
void inject_altered(World& world, World::End end, Reader& in) {
    Lacpdu pdu;
    pdu.actor = world.port(end).partner;
    pdu.partner = world.port(end).actor;
    pdu.actor.state.value = in.byte();
    if (in.byte() & 1U) pdu.actor.system = Mac{{2, 9, 9, 9, 9, 9}};
    SlowFrame frame;
    encode_lacpdu(frame, Mac{{2, 0, 0, 0, 0, 9}}, pdu);
    const std::size_t offset = in.byte() % kSlowFrameSize;
    const Bytes over = in.bytes(in.byte() & 15U);
    for (std::size_t i = 0; i < over.size() && offset + i < frame.size(); ++i) frame[offset + i] = over[i];
    world.inject(end, frame);
}

} // namespace

void lacp_events(Bytes input) {
    Reader in(input);
    World world;
    world.keep_history = false;
    LacpOptions options;
    options.rate = Rate::fast;
    const auto x = world.add_node(options), y = world.add_node(options);
    for (int i = 0; i < 3; ++i) world.connect(x, y);
    for (int steps = 0; !in.empty() && steps < 100 && world.broken.empty(); ++steps) {
        const std::uint8_t op = in.byte();
        const World::Wire wire = (op >> 4U) % world.wire_count();
        const World::End end = (op & 0x80U) != 0 ? world.a(wire) : world.b(wire);
        switch (op & 15U) {
        case 0: world.link(wire, false); break;
        case 1: world.link(wire, true); break;
        case 2: world.inject(end, in.bytes(in.byte())); break;
        case 3: inject_altered(world, end, in); break;
        case 4: world.speed(wire, in.word(), (in.byte() & 1U) != 0); break;
        case 5: world.lose(wire, (in.byte() & 1U) != 0, (in.byte() & 1U) != 0); break;
        case 6: world.remove(end); break;
        case 7: world.add(end); break;
        case 8: world.restart(wire % 2); break;
        case 9:
            world.start_marker(wire % 2, MemberSet::of_bits(in.byte()), std::chrono::milliseconds(in.byte()));
            break;
        case 10: {
            options.rate = static_cast<Rate>(in.byte() & 1U);
            options.active = (in.byte() & 1U) != 0;
            options.select = static_cast<Select>(in.byte() & 3U);
            options.coupled_control = (in.byte() & 1U) != 0;
            options.strict = (in.byte() & 1U) != 0;
            options.user_port_key = in.byte();
            world.options(wire % 2, options);
            break;
        }
        case 11: world.stall(wire % 2, std::chrono::milliseconds(in.word())); break;
        case 12: world.run_for(std::chrono::seconds(in.byte() & 127U)); break;
        default: world.run_for(std::chrono::milliseconds(in.word() & 4095U)); break;
        }
    }
    if (world.broken.empty()) return;
    std::fputs(world.trace().c_str(), stderr);
    std::abort();
}

} // namespace dpdkbond::fuzz

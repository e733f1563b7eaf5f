// SPDX-License-Identifier: BSD-3-Clause
#include "lacp_world.hpp"

#include <algorithm>
#include <cstdio>

namespace dpdkbond::lacp {

namespace {

constexpr Duration kLatency = 50us;
constexpr std::size_t kTraceLines = 400;

} // namespace

// --- building
// --------------------------------------------------------------------------------------------------------

World::Node World::add_node(const LacpOptions& options) {
    auto node = std::make_unique<NodeState>();
    node->options = options;
    node->mac = Mac{{0x02, 0xbd, 0, 0, 0, static_cast<std::uint8_t>(nodes_.size() + 1)}};
    node->engine = std::make_unique<Engine>(1);
    node->bond = *node->engine->add_bond(options, node->mac);
    nodes_.push_back(std::move(node));
    return nodes_.size() - 1;
}

Mac World::port_mac(End end) const {
    return Mac{{0x02, 0xee, 0, 0, static_cast<std::uint8_t>(end.node), end.member.value}};
}

World::End World::add_port(Node node) {
    const End end{node, {nodes_[node]->next_member++}};
    nodes_[node]->engine->add_port(ref(end), port_mac(end), kDefaultPortPriority, now);
    return end;
}

void World::raise_link(const WireState& wire, int side) {
    if (wire.connected[side])
        nodes_[wire.ends[side].node]->engine->handle_link(ref(wire.ends[side]), wire.up, wire.speed_mbps,
                                                          wire.full_duplex, now);
}

World::Wire World::add_wire(const WireState& wire) {
    wires_.push_back(wire);
    raise_link(wires_.back(), 0);
    raise_link(wires_.back(), 1);
    drain();
    return wires_.size() - 1;
}

World::Wire World::connect(Node a, Node b, std::uint32_t speed_mbps) {
    WireState wire;
    wire.ends[0] = add_port(a);
    wire.ends[1] = add_port(b);
    wire.speed_mbps = speed_mbps;
    return add_wire(wire);
}

World::Wire World::connect_nowhere(Node a, std::uint32_t speed_mbps) {
    WireState wire;
    wire.ends[0] = wire.ends[1] = add_port(a);
    wire.connected[1] = false;
    wire.speed_mbps = speed_mbps;
    return add_wire(wire);
}

World::Wire World::connect_loop(Node a) {
    WireState wire;
    wire.ends[0] = wire.ends[1] = add_port(a);
    return add_wire(wire);
}

// --- what happens to it
// ----------------------------------------------------------------------------------------------

void World::link(Wire index, bool up) {
    WireState& wire = wires_[index];
    wire.up = up;
    ++wire.generation;
    say("wire " + std::to_string(index) + (up ? " up" : " down"));
    raise_link(wire, 0);
    raise_link(wire, 1);
    drain();
}

void World::speed(Wire index, std::uint32_t speed_mbps, bool full_duplex) {
    WireState& wire = wires_[index];
    wire.speed_mbps = speed_mbps;
    wire.full_duplex = full_duplex;
    say("wire " + std::to_string(index) + " at " + std::to_string(speed_mbps) + (full_duplex ? "" : " half"));
    raise_link(wire, 0);
    raise_link(wire, 1);
    drain();
}

void World::lose(Wire index, bool from_a, bool from_b) {
    wires_[index].lossy[0] = from_a;
    wires_[index].lossy[1] = from_b;
    say("wire " + std::to_string(index) + " loses" + (from_a ? " a>b" : "") + (from_b ? " b>a" : ""));
}

void World::lose_next(Wire index, unsigned from_a, unsigned from_b) {
    wires_[index].lose_next[0] = from_a;
    wires_[index].lose_next[1] = from_b;
}

void World::remove(End end) {
    say("node " + std::to_string(end.node) + " removes port " + std::to_string(end.member.value));
    nodes_[end.node]->engine->remove_port(ref(end), now);
    drain();
}

void World::add(End end) {
    say("node " + std::to_string(end.node) + " adds port " + std::to_string(end.member.value));
    nodes_[end.node]->engine->add_port(ref(end), port_mac(end), kDefaultPortPriority, now);
    for (const WireState& wire : wires_)
        for (const int side : {0, 1})
            if (wire.ends[side] == end) raise_link(wire, side);
    drain();
}

void World::options(Node node, const LacpOptions& options) {
    say("node " + std::to_string(node) + " has other options");
    nodes_[node]->options = options;
    nodes_[node]->engine->set_options(nodes_[node]->bond, options, now);
    drain();
}

void World::restart(Node node) {
    say("node " + std::to_string(node) + " restarts");
    NodeState& state = *nodes_[node];
    state.engine = std::make_unique<Engine>(1);
    state.bond = *state.engine->add_bond(state.options, state.mac);
    for (std::uint8_t member = 0; member < state.next_member; ++member) {
        recent_.erase({node, {member}}); // a new process does not know when the old one spoke
        add({node, {member}});
    }
}

void World::inject(End end, Bytes frame) {
    nodes_[end.node]->engine->handle_frame(ref(end), frame, now);
    drain();
}

std::optional<MarkerRunId> World::start_marker(Node node, MemberSet ports, Duration limit) {
    const auto run = nodes_[node]->engine->start_marker(nodes_[node]->bond, ports, now + limit, now);
    drain();
    return run;
}

void World::stall(Node node, Duration time) {
    say("node " + std::to_string(node) + " stalls");
    nodes_[node]->asleep_until = now + time;
}

// --- time
// ------------------------------------------------------------------------------------------------------------

void World::run_for(Duration time) {
    const Time end = now + time;
    for (;;) {
        Time next = flights_.empty() ? kNever : flights_.top().time;
        for (const auto& node : nodes_)
            next = std::min(next, std::max(node->engine->next_deadline(), node->asleep_until));
        if (next > end) break;
        now = std::max(now, next);
        while (!flights_.empty() && flights_.top().time <= now) {
            const Flight flight = flights_.top();
            flights_.pop();
            const WireState& wire = wires_[flight.wire];
            if (!wire.up || wire.generation != flight.generation) continue;
            const End to = wire.ends[flight.to];
            if (nodes_[to.node]->engine->handle_frame(ref(to), flight.bytes, now) == FrameVerdict::not_mine &&
                nodes_[to.node]->engine->system(nodes_[to.node]->bond)->port(to.member) != nullptr)
                broken = "an LACPDU was not taken";
        }
        for (const auto& node : nodes_)
            if (node->asleep_until <= now) node->engine->handle_timeout(now);
        drain();
    }
    now = end;
}

void World::drain() {
    for (Node node = 0; node < nodes_.size(); ++node) {
        Engine& engine = *nodes_[node]->engine;
        while (const auto event = engine.poll_event()) {
            say(*event, node);
            if (keep_history) events[node].push_back(*event);
            if (event->kind == EventKind::unsettled) broken = "the machines did not come to rest";
        }
        while (const auto result = engine.poll_marker()) markers.push_back(*result);
        while (const auto frame = engine.poll_transmit()) carry({node, frame->port.member}, *frame);
        check_rules(node);
    }
}

void World::carry(End from, const TxFrame& frame) {
    if (const auto pdu = decode_lacpdu(frame.bytes); pdu && frame.bytes[14] == slow_subtype::lacp)
        note_pdu(from, *pdu);
    for (Wire index = 0; index < wires_.size(); ++index) {
        WireState& wire = wires_[index];
        for (const int side : {0, 1}) {
            if (!(wire.ends[side] == from) || !wire.connected[0] || !wire.connected[1]) continue;
            if (wire.ends[0] == wire.ends[1] && side == 1) continue; // a loop sends once
            if (!wire.up || wire.lossy[side]) continue;
            if (wire.lose_next[side] > 0) {
                --wire.lose_next[side];
                continue;
            }
            flights_.push({now + kLatency, order_++, index, 1 - side, wire.generation, frame.bytes});
        }
    }
}

// --- rules
// -----------------------------------------------------------------------------------------------------------

void World::note_pdu(End from, const Lacpdu& pdu) {
    say(Line{now, {}, from, pdu.actor.state.value, pdu.partner.state.value});
    if (keep_history) sent[from].push_back({now, pdu});
    auto& times = recent_[from];
    times.push_back(now);
    if (times.size() > 4) times.pop_front();
    const bool last_word = !port(from).in_use; // may be one too many
    if (!last_word && times.size() == 4 && times.back() - times.front() <= 1s)
        broken = "four LACPDUs within a second";
}

void World::check_rules(Node node) {
    const System& system = *nodes_[node]->engine->system(nodes_[node]->bond);
    const Selection& selection = system.selection();
    MemberSet seen;
    for (std::uint8_t member = 0; member < kMaxPorts; ++member) {
        const Port* port = system.port({member});
        if (port == nullptr) continue;
        const StateBits actor = port->actor.state;
        if (actor.has(StateBit::distributing) &&
            !(actor.has(StateBit::synchronization) && actor.has(StateBit::collecting) &&
              port->partner.state.has(StateBit::synchronization) && port->port_enabled))
            broken = "distributing without sync";
        if (port->distributing && !port->without_partner && !actor.has(StateBit::distributing))
            broken = "carries traffic without distributing";
        if (port->without_partner && nodes_[node]->options.strict) broken = "lacp_strict carries traffic";
        if (actor.has(StateBit::synchronization) && port->aggregator != selection.active())
            broken = "in sync outside of the active aggregator";
        if (!port->attached) continue;
        const Aggregator& aggregator = selection.at(port->aggregator);
        if (!aggregator.ports.has({member})) broken = "an aggregator does not know its port";
        if (lag_of(*port) != aggregator.lag) broken = "two LAG IDs in one aggregator";
        if (is_individual(*port) && aggregator.ports != MemberSet{{member}})
            broken = "an individual port has company";
        seen.add({member});
    }
    for (std::uint8_t id = 1; id <= kMaxPorts; ++id)
        if (!(selection.at({id}).ports - seen).empty()) broken = "an aggregator has a port that left it";
}

// --- looking
// ---------------------------------------------------------------------------------------------------------

BondStatus World::status(Node node) const {
    BondStatus status;
    nodes_[node]->engine->status(nodes_[node]->bond, status);
    return status;
}

const Port& World::port(End end) const {
    static const Port none;
    const Port* port = nodes_[end.node]->engine->system(nodes_[end.node]->bond)->port(end.member);
    return port == nullptr ? none : *port;
}

bool World::carries(Wire wire) const {
    return distributes(a(wire)) && collects(a(wire)) && distributes(b(wire)) && collects(b(wire));
}

void World::say(std::string text) { say(Line{now, std::move(text), {}, 0, 0}); }

void World::say(Line line) {
    if (!broken.empty()) return; // what led to it is of interest
    lines_.push_back(std::move(line));
    if (lines_.size() > kTraceLines) lines_.pop_front();
}

void World::say(const Event& event, Node node) {
    std::string text = "node " + std::to_string(node);
    if (event.port.member != kNoMember) text += " port " + std::to_string(event.port.member.value);
    say(text.append(" ").append(name(event.kind)).append(": ").append(event.text.view()));
}

std::string World::trace() const {
    std::string text = broken.empty() ? "" : "broken: " + broken + "\n";
    for (const Line& line : lines_) {
        char stamp[96];
        std::snprintf(stamp, sizeof stamp, "%10.4f ", static_cast<double>(to_ns(line.time)) / 1e9 - 1000.0);
        text += stamp;
        if (line.text.empty())
            std::snprintf(stamp, sizeof stamp, "node %zu port %u sends state %02x partner state %02x",
                          line.from.node, unsigned{line.from.member.value}, unsigned{line.actor_state},
                          unsigned{line.partner_state});
        text += (line.text.empty() ? std::string(stamp) : line.text) + "\n";
    }
    return text;
}

} // namespace dpdkbond::lacp

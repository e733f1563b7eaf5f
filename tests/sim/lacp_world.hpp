// SPDX-License-Identifier: BSD-3-Clause
// Systems that speak LACP, wires between them, and a clock that jumps to the next thing that happens.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "lacp/engine.hpp"

namespace dpdkbond::lacp {

class World {
public:
    using Node = std::size_t;
    using Wire = std::size_t;
    struct End {
        Node node = 0;
        MemberId member{};
        auto operator<=>(const End&) const = default;
    };
    struct Sent { // an LACPDU as it left
        Time time{};
        Lacpdu pdu{};
    };

    Node add_node(const LacpOptions& options = {});
    // A full-duplex wire from the next free port of each node; both ends come up now.
    Wire connect(Node a, Node b, std::uint32_t speed_mbps = 1000);
    // A wire whose far end nobody listens at.
    Wire connect_nowhere(Node a, std::uint32_t speed_mbps = 1000);
    // A wire that gives a port its own frames back.
    Wire connect_loop(Node a);

    void link(Wire wire, bool up); // at both ends
    void speed(Wire wire, std::uint32_t speed_mbps, bool full_duplex = true);
    void lose(Wire wire, bool from_a, bool from_b); // silently, the link stays up
    // How many LACPDUs of each direction are lost before the rest passes.
    void lose_next(Wire wire, unsigned from_a, unsigned from_b);
    void remove(End end); // the port leaves its bond
    void add(End end);    // and comes back
    void options(Node node, const LacpOptions& options);
    void restart(Node node);           // without a last word
    void inject(End end, Bytes frame); // received there
    std::optional<MarkerRunId> start_marker(Node node, MemberSet ports, Duration limit);
    void run_for(Duration time);
    void drain(); // carries off what engines have to say, after a call to engine() itself
    // A node that sleeps: the wire and its peers go on, its own timers are served late.
    void stall(Node node, Duration time);

    Time now = Time{} + 1000s;
    Engine& engine(Node node) { return *nodes_[node]->engine; }
    const LacpOptions& options_of(Node node) const { return nodes_[node]->options; }
    Mac system_of(Node node) const { return nodes_[node]->mac; }
    BondId bond(Node node) const { return nodes_[node]->bond; }
    BondStatus status(Node node) const;
    const Port& port(End end) const;
    End a(Wire wire) const { return wires_[wire].ends[0]; }
    End b(Wire wire) const { return wires_[wire].ends[1]; }
    bool distributes(End end) const { return port(end).distributing; }
    bool collects(End end) const { return port(end).collecting; }
    bool carries(Wire wire) const; // both ways at both ends
    std::size_t node_count() const { return nodes_.size(); }
    std::size_t wire_count() const { return wires_.size(); }

    std::map<End, std::vector<Sent>> sent; // LACPDUs by port
    std::map<Node, std::vector<Event>> events;
    std::vector<MarkerResult> markers;
    bool keep_history = true; // of sent and events; the rules below are checked either way

    // The first rule that was broken, empty if none: machines come to rest; distributing implies sync; one
    // LAG ID an aggregator; three LACPDUs a second a port.
    std::string broken;
    std::string trace() const; // the last things that happened

private:
    struct NodeState {
        LacpOptions options;
        Mac mac;
        std::unique_ptr<Engine> engine;
        BondId bond{};
        std::uint8_t next_member = 0;
        Time asleep_until = Time::min();
    };
    struct WireState {
        End ends[2];
        bool connected[2] = {true, true};
        bool up = true;
        std::uint32_t speed_mbps = 1000;
        bool full_duplex = true;
        bool lossy[2] = {false, false}; // by the sending end
        unsigned lose_next[2] = {0, 0};
        std::uint32_t generation = 0; // frames on the wire die with the link
    };
    struct Flight {
        Time time;
        std::uint64_t order;
        Wire wire;
        int to;
        std::uint32_t generation;
        SlowFrame bytes;
        bool operator>(const Flight& other) const {
            return std::tie(time, order) > std::tie(other.time, other.order);
        }
    };

    struct Line { // formatted only when someone reads the trace
        Time time{};
        std::string text; // empty: the PDU
        End from{};
        std::uint8_t actor_state = 0, partner_state = 0;
    };

    End add_port(Node node);
    Wire add_wire(const WireState& wire);
    PortRef ref(End end) const { return {nodes_[end.node]->bond, end.member}; }
    Mac port_mac(End end) const;
    void raise_link(const WireState& wire, int side);
    void carry(End from, const TxFrame& frame);
    void note_pdu(End from, const Lacpdu& pdu);
    void check_rules(Node node);
    void say(std::string text);
    void say(Line line);
    void say(const Event& event, Node node);

    std::vector<std::unique_ptr<NodeState>> nodes_;
    std::vector<WireState> wires_;
    std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
    std::map<End, std::deque<Time>> recent_;
    std::uint64_t order_ = 0;
    std::deque<Line> lines_;
};

// Shows the trace when the expectation fails.
#define EXPECT(world, ...)                                                                                   \
    do {                                                                                                     \
        if (!(__VA_ARGS__)) UNSCOPED_INFO((world).trace());                                                  \
        CHECK((__VA_ARGS__));                                                                                \
    } while (false)

} // namespace dpdkbond::lacp

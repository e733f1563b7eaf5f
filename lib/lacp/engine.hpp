// SPDX-License-Identifier: BSD-3-Clause
// 802.1AX link aggregation control for many bonds, sans-IO: frames, link changes and time go in; frames,
// events and forwarding sets come out. It asks no clock, touches no socket and allocates only in its
// constructor and add_bond(). One thread (owner: control lcore). Every `now` is CLOCK_MONOTONIC; calling late
// or with nothing due is harmless.
//
// The shell's loop: feed what happened; when next_deadline() is reached call handle_timeout(); after either,
// empty poll_transmit() and poll_event() and publish forwarding() where it changed.
#pragma once

#include <memory>
#include <vector>

#include "lacp/system.hpp"

namespace dpdkbond::lacp {

class Engine {
public:
    explicit Engine(std::size_t max_bonds = kMaxBonds);

    // --- bonds and ports; a port is added with its link down ---

    // `mac`: the bond's; the LACP system unless options say otherwise. nullopt: max_bonds are there.
    std::optional<BondId> add_bond(const LacpOptions& options, Mac mac);
    // Like remove_port() for each port.
    void remove_bond(BondId bond, Time now);
    // `mac`: the port's own, the source of its frames. False: no such bond, or the member is in use.
    bool add_port(PortRef port, Mac mac, PortPriority priority, Time now);
    // Queues a last LACPDU with aggregation, synchronization, collecting and distributing cleared (send it
    // before the port stops), then forgets the port.
    void remove_port(PortRef port, Time now);

    // All at run time, without a restart of anything that the change does not touch. What is part of the LAG
    // ID (system, its priority, key) makes the ports negotiate anew.
    void set_options(BondId bond, const LacpOptions& options, Time now);
    void set_system_mac(BondId bond, Mac mac, Time now); // the bond's MAC changed
    void set_port_priority(PortRef port, PortPriority priority, Time now);

    // A warm restart; see System.
    void save(BondId bond, Saved& out) const;
    void restore(BondId bond, const Saved& saved);
    void resume(BondId bond, Time now);
    void speak_before_leaving(BondId bond, Time now);

    // --- input ---

    // A frame received on the port, from its destination address on, of any ethertype and length.
    FrameVerdict handle_frame(PortRef port, Bytes frame, Time now);
    // speed_mbps 0: unknown (its own key, aggregates with others unknown). Half duplex: individual, no LACP.
    // When up is false the rest does not matter.
    void handle_link(PortRef port, bool up, std::uint32_t speed_mbps, bool full_duplex, Time now);
    void handle_timeout(Time now);

    // Sends a marker on each port of the set whose partner is heard, whether it still distributes or has just
    // stopped; the result comes by poll_marker() when all have answered, or at the deadline. nullopt: no such
    // bond, or too many runs under way.
    std::optional<MarkerRunId> start_marker(BondId bond, MemberSet ports, Time deadline, Time now);

    // --- output ---

    // When handle_timeout() wants to be called; kNever: not before something else happens.
    [[nodiscard]] Time next_deadline() const;
    std::optional<TxFrame> poll_transmit() { return outbox_.frames.pop(); }
    std::optional<Event> poll_event() { return outbox_.events.pop(); }
    std::optional<MarkerResult> poll_marker() { return outbox_.markers.pop(); }
    // Which ports may receive and send; changes are told by EventKind::forwarding.
    [[nodiscard]] Forwarding forwarding(BondId bond) const;
    // False: no such bond.
    bool status(BondId bond, BondStatus& out) const;
    [[nodiscard]] std::uint64_t events_lost() const { return outbox_.events_lost; }
    [[nodiscard]] std::uint64_t frames_lost() const { return outbox_.frames_lost; }

    // For tests and diagnosis; nullptr: no such bond.
    [[nodiscard]] const System* system(BondId bond) const;

private:
    System* find(BondId bond);

    Outbox outbox_;
    std::vector<std::unique_ptr<System>> systems_; // by BondId; an empty one is free
};

} // namespace dpdkbond::lacp

// SPDX-License-Identifier: BSD-3-Clause
// An Aggregation Port: the variables that its machines share (802.1AX-2014 6.4.6 to 6.4.8). owner: control
// lcore.
#pragma once

#include <optional>

#include "lacp/rate_window.hpp"
#include "lacp/types.hpp"

namespace dpdkbond::lacp {

struct Counters {
    std::uint64_t lacpdu_rx = 0; // well-formed and not our own, also when the machines then ignored them
    std::uint64_t lacpdu_tx = 0;
    std::uint64_t marker_rx = 0; // requests
    std::uint64_t marker_tx = 0; // requests of our generator
    std::uint64_t marker_response_rx = 0;
    std::uint64_t marker_response_tx = 0;
    std::uint64_t marker_limited = 0;   // requests left unanswered by the limit of ten a second
    std::uint64_t bad_rx = 0;           // LACP or marker with a wrong length, destination or a system of zero
    std::uint64_t unknown_rx = 0;       // other subtypes (handed up) and markers of an unknown type
    std::uint64_t other_version_rx = 0; // LACPDUs of a version other than 1 (accepted, and in lacpdu_rx)
    std::uint64_t loopback_rx = 0;      // from our own system (ignored)
    bool operator==(const Counters&) const = default;
};

struct Churn {
    ChurnState state = ChurnState::MONITOR;
    Time timer = kNever;
    std::uint32_t count = 0; // how often CHURN was entered
};

struct Port {
    // What the administrator and the link say.
    bool in_use = false;
    MemberId member{};
    Mac mac{};                 // its own; the source of its frames
    bool port_enabled = false; // link up
    bool lacp_enabled = true;  // full duplex
    bool coupled_control = true;
    std::uint32_t speed_mbps = 0;
    bool full_duplex = true;

    LacpInfo actor{};                 // operational values, state bits included
    LacpInfo partner = kPartnerAdmin; // operational values
    std::optional<Lacpdu> pdu;        // received and not yet consumed by the receive machine
    bool had_partner = false;         // one has spoken since the port was added
    bool hears_itself = false;        // what it hears is our own, and has been since its link came up
    bool partner_hears_us = false;    // its last LACPDU names our system and port, or it is individual
    bool port_moved = false;          // 6.4.8: our partner was heard on another port while this one is down
    bool ntt = false;                 // need to transmit

    RxState rx = RxState::INITIALIZE;
    Time current_while = kNever;
    PeriodicState periodic = PeriodicState::NO_PERIODIC;
    Time periodic_timer = kNever;

    Selected selected = Selected::UNSELECTED;
    AggregatorId aggregator = kNoAggregator; // kept while UNSELECTED: the one it had last
    bool attached = false;                   // among the aggregator's ports
    MuxState mux = MuxState::DETACHED;
    Time wait_while = kNever;
    bool ready_n = false; // wait_while ran out in WAITING
    bool ready = false;   // every port that waits for the aggregator has ready_n

    Churn actor_churn{}, partner_churn{};

    RateWindow<kMaxPdusPerSecond> pdu_window{kTransmitWindow};
    // Markers of ours, and answers to the partner's: neither takes the other's room.
    RateWindow<kMaxMarkersPerSecond> marker_window{Duration{1s}};
    RateWindow<kMaxMarkersPerSecond> answer_window{Duration{1s}};
    Counters counters{};

    // Outcome of a settled engine.
    bool collecting = false, distributing = false; // may receive, may send data
    bool without_partner = false;                  // … though there is no partner

    // For telling each thing once.
    PeriodicState told_periodic = PeriodicState::NO_PERIODIC;
    Time next_bad_complaint = Time::min(), next_loopback_complaint = Time::min();
};

} // namespace dpdkbond::lacp

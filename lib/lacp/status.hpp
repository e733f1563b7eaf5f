// SPDX-License-Identifier: BSD-3-Clause
// What telemetry and /proc/net/bonding's text say of LACP. Trivially copyable, to cross threads in a SeqBox.
#pragma once

#include "base/fixed_string.hpp"
#include "base/fixed_vec.hpp"
#include "lacp/port.hpp"

namespace dpdkbond::lacp {

struct PortStatus {
    MemberId member{};
    AggregatorId aggregator = kNoAggregator;
    Selected selected{};
    RxState rx{};
    PeriodicState periodic{};
    MuxState mux{};
    ChurnState actor_churn{}, partner_churn{};
    std::uint32_t actor_churn_count = 0, partner_churn_count = 0;
    LacpInfo actor{}, partner{};
    bool port_enabled = false;
    std::uint32_t speed_mbps = 0;
    bool full_duplex = true;
    bool collecting = false, distributing = false; // data may come in, may go out
    bool without_partner = false;                  // … though no partner answers
    bool had_partner = false;                      // one has spoken since the port was added
    bool hears_itself = false;                     // our own LACPDUs come back
    Counters counters{};
};

// Which ports may receive and send data. owner: control lcore.
struct Forwarding {
    MemberSet collecting, distributing;
    MemberSet without_partner; // part of both: the black hole that lacp_strict closes
    bool operator==(const Forwarding&) const = default;
};

struct BondStatus {
    LacpOptions options{};
    AggregatorId active_aggregator = kNoAggregator;
    std::uint32_t active_ports = 0; // ports of the active aggregator, with a link or without
    std::uint32_t usable_ports = 0; // that may send data
    SystemPriority actor_system_priority{};
    Mac actor_system{};
    Key actor_key{};
    SystemPriority partner_system_priority{};
    Mac partner_system{};
    Key partner_key{};
    Forwarding forwarding{};
    FixedVec<PortStatus, kMaxPorts> ports{};
};
static_assert(std::is_trivially_copyable_v<BondStatus>);

// Why a port carries no data.
enum class Unused : std::uint8_t {
    none, // it carries some
    link_down,
    no_partner,          // none has ever been heard
    itself,              // … but our own LACPDUs come back
    partner_lost,        // there was one
    half_duplex,         // LACP needs full duplex
    other_partner,       // it has another partner than the active aggregator
    other_partner_key,   // … the same partner with another key
    other_key,           // our own key or speed is another one
    individual,          // the partner does not aggregate this link
    partner_not_in_sync, // the partner has not taken the link into its own aggregate
    waiting,             // both agree; the wait for further ports or the exchange of states is under way
};
Unused why_unused(const BondStatus& bond, const PortStatus& port);
// In words, with what differs; empty for `none` and `link_down`, which other watchers tell of.
FixedString<127> describe_unused(const BondStatus& bond, const PortStatus& port);

} // namespace dpdkbond::lacp

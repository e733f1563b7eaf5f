// SPDX-License-Identifier: BSD-3-Clause
// What the engine tells of itself. Fixed-size records, oldest first.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/fixed_string.hpp"
#include "lacp/types.hpp"

namespace dpdkbond::lacp {

// In the order of name()'s list. from, to: numbers of the states named in the text.
enum class EventKind : std::uint8_t {
    rx_state,          // from, to
    periodic_state,    // from, to; the resting states only, not every passage through PERIODIC_TX
    mux_state,         // from, to
    actor_churn,       // from, to
    partner_churn,     // from, to
    partner,           // the partner that a port hears changed; from, to: its port numbers
    selected,          // from, to: aggregators; the text says SELECTED or STANDBY
    active_aggregator, // of the bond; from, to: aggregators
    forwarding,        // of the bond; from: collecting ports, to: distributing ports, as masks
    black_hole,        // to 1: a port carries traffic though no partner answers, 0: it no longer does
    bad_pdu,           // at most one a second a port; to: how many so far
    loopback,          // at most one a second a port; to: how many so far
    left,              // a port left the bond and its last LACPDU is queued
    marker,            // a marker run ended; from: its number, to: ports that did not answer, as a mask
    unsettled,         // a defect: the machines did not come to rest
};
inline constexpr std::size_t kEventKindCount = 15;
std::string_view name(EventKind kind);

struct Event {
    Time time{};
    PortRef port{}; // member kNoMember: the bond as a whole
    EventKind kind{};
    std::uint32_t from = 0, to = 0;
    FixedString<80> text{};
};
static_assert(std::is_trivially_copyable_v<Event>);

} // namespace dpdkbond::lacp

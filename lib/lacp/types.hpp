// SPDX-License-Identifier: BSD-3-Clause
// The words of 802.1AX: states, timers, identifiers and the options that Linux bonding lays on top. Plain
// data.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/mac.hpp"
#include "base/member_set.hpp"
#include "base/time.hpp"
#include "proto/lacpdu.hpp"

namespace dpdkbond::lacp {

// Timers and limits (802.1AX-2014 6.4.4).
using namespace std::chrono_literals;
inline constexpr Duration kFastPeriodicTime = 1s;
inline constexpr Duration kSlowPeriodicTime = 30s;
inline constexpr Duration kShortTimeoutTime = 3s;
inline constexpr Duration kLongTimeoutTime = 90s;
inline constexpr Duration kChurnDetectionTime = 60s;
inline constexpr Duration kAggregateWaitTime = 2s;
inline constexpr std::size_t kMaxPdusPerSecond = 3;     // 6.4.16
inline constexpr std::size_t kMaxMarkersPerSecond = 10; // of 802.3 annex 57A's frames a second
// The limit of 6.4.16 holds on the wire: the window is a little wider than a second, so that a frame that
// leaves late and a later one that leaves on time do not come too close.
inline constexpr Duration kTransmitWindow = 1s + 20ms;

inline constexpr std::size_t kMaxPorts = kMaxMembers; // of one bond
static_assert(kMaxPorts <= 32);

using BondId = StrongId<struct LacpBondTag, std::uint16_t>;
// One port of one bond.
struct PortRef {
    BondId bond{};
    MemberId member{};
    constexpr auto operator<=>(const PortRef&) const = default;
};
// The aggregators of a bond count from 1; 0 is none.
using AggregatorId = StrongId<struct AggregatorTag, std::uint8_t>;
inline constexpr AggregatorId kNoAggregator{0};

// The states of the machines, under the names of their diagrams.
enum class RxState : std::uint8_t { INITIALIZE, PORT_DISABLED, LACP_DISABLED, EXPIRED, DEFAULTED, CURRENT };
enum class PeriodicState : std::uint8_t { NO_PERIODIC, FAST_PERIODIC, SLOW_PERIODIC, PERIODIC_TX };
enum class MuxState : std::uint8_t {
    DETACHED,
    WAITING,
    ATTACHED,
    COLLECTING_DISTRIBUTING, // coupled control
    COLLECTING,              // independent control
    DISTRIBUTING,            // independent control
};
enum class ChurnState : std::uint8_t { MONITOR, NO_CHURN, CHURN };
enum class Selected : std::uint8_t { UNSELECTED, SELECTED, STANDBY };

std::string_view name(RxState state);
std::string_view name(PeriodicState state);
std::string_view name(MuxState state);
std::string_view name(ChurnState state); // "monitoring", "none", "churned": Linux's words
std::string_view name(Selected selected);

enum class Rate : std::uint8_t { slow = 0, fast = 1 };
// Which aggregator is the active one (Linux's ad_select).
enum class Select : std::uint8_t { stable = 0, bandwidth = 1, count = 2, actor_port_prio = 3 };

// The options of one bond's LACP, with Linux bonding's defaults; the comment is Linux's name.
struct LacpOptions {
    Rate rate = Rate::slow;                      // lacp_rate: how often the partner is to speak
    bool active = true;                          // lacp_active
    Select select = Select::stable;              // ad_select
    Mac actor_system{};                          // ad_actor_system; zero: the bond's MAC
    SystemPriority actor_system_priority{65535}; // ad_actor_sys_prio
    std::uint16_t user_port_key = 0;             // ad_user_port_key, 10 bits
    bool coupled_control = true;                 // coupled_control
    bool strict = false;                         // lacp_strict: no traffic without a partner
    bool operator==(const LacpOptions&) const = default;
};
inline constexpr PortPriority kDefaultPortPriority{255}; // actor_port_prio

// What is known of a partner that has not spoken (aAggPortPartnerAdmin*).
inline constexpr LacpInfo kPartnerAdmin{{0xffff}, Mac{}, {1}, {0xff}, {1}, {0}};

// A port's key: user key, code of the speed, duplex. Only equality matters to a partner; the codes are
// Linux's, so that its users see familiar numbers. A speed that is not in the list, or unknown, has a code of
// its own (never 0).
Key make_key(std::uint16_t user_port_key, std::uint32_t speed_mbps, bool full_duplex);

// Link aggregation group: ports may share an aggregator when these are equal and neither end is individual
// (6.3.6).
struct LagId {
    SystemPriority actor_system_priority{};
    Mac actor_system{};
    Key actor_key{};
    SystemPriority partner_system_priority{};
    Mac partner_system{};
    Key partner_key{};
    bool operator==(const LagId&) const = default;
    [[nodiscard]] bool has_partner() const { return !partner_system.is_zero(); }
};

} // namespace dpdkbond::lacp

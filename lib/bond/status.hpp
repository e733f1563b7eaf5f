// SPDX-License-Identifier: BSD-3-Clause
// What a bond says of itself: plain records. Control fills a BondStatus and publishes it through a SeqBox;
// every other thread reads copies.
#pragma once

#include <array>
#include <cstdint>

#include "base/fixed_string.hpp"
#include "base/fixed_vec.hpp"
#include "base/mac.hpp"
#include "base/strong_id.hpp"
#include "base/time.hpp"
#include "bond/drop_reasons.hpp"
#include "bond/failover.hpp"
#include "monitor/watchers.hpp"
#include "options/options.hpp"

namespace dpdkbond {

enum class MiiStatus : std::uint8_t { up = 0, going_down = 1, down = 2, going_back = 3 };
enum class Duplex : std::uint8_t { half = 0, full = 1, unknown = 255 };

// "up", "going_down", "down", "going_back"
constexpr std::string_view mii_status_name(MiiStatus s) {
    constexpr std::string_view names[] = {"up", "going_down", "down", "going_back"};
    return names[static_cast<unsigned>(s)];
}

// ok: every member is usable. degraded: some are not. down: the bond has no carrier.
enum class Health : std::uint8_t { ok, degraded, down };
constexpr std::string_view health_name(Health h) {
    constexpr std::string_view names[] = {"ok", "degraded", "down"};
    return names[static_cast<unsigned>(h)];
}

struct MemberStatus {
    MemberId id{};
    FixedString<63> name;
    FixedString<127> device;
    std::uint16_t port_id = 0;
    bool carrier = false;    // what the link says now
    bool admin_down = false; // taken out by `set member … link down`
    MiiStatus mii = MiiStatus::down;
    bool active = false;          // state: active or backup
    bool usable = false;          // takes part in transmission
    Time usable_since{};          // … or not, since then
    std::uint32_t speed_mbps = 0; // 0: unknown
    Duplex duplex = Duplex::unknown;
    std::uint32_t link_failures = 0;
    Mac mac{}, perm_mac{};
    MemberOptions options{};
    WatcherSet watching{};      // the watchers that judge whether it is usable
    WatcherSet objecting{};     // … says no
    FixedString<127> objection; // in words: "arp 192.0.2.1"; empty: no watcher objects
    bool flap_suppressed = false;
    double flap_penalty = 0; // as of then; it halves with time
    Time flap_penalty_at{};
};

struct BondStatus {
    FixedString<15> name;
    Mode mode = Mode::balance_rr;
    bool link_up = false;
    Health health = Health::down;
    Time health_since{};
    MemberId active_member = kNoMember; // modes with one; kNoMember: none
    MemberId primary = kNoMember;
    Mac mac{};
    std::uint32_t mtu = 0;
    std::uint32_t speed_mbps = 0; // of the logical interface: what its members can send together; 0: unknown
    std::uint64_t failovers = 0;  // changes of the active member since start, the first choice not counted
    GapHistogram gaps;            // of failovers, since start
    FixedVec<MemberStatus, kMaxMembers> members; // in the order in which they joined
    FixedString<15> logical_backend;             // "tap", "virtio-user", "device"
    FixedString<63> logical_name;                // netdev name, or the device of backend `device`
};

// Sums over lanes at the moment of reading, less the baseline of the last `clear stats`.
struct MemberCounters {
    std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
    std::array<std::uint64_t, kDropReasons> drops{};
    std::uint64_t cut_in_software = 0; // of tx_packets, super-frames that the bond has cut for it
    // What the device lost, by its own count.
    std::uint64_t missed = 0;    // received, but no worker took it out of the queue in time
    std::uint64_t no_buffer = 0; // received, but there was no packet buffer for it
    std::uint64_t rx_errors = 0, tx_errors = 0;
    // Of its tap; see TapCounters. What is lost before or behind it is among the bond's drops.
    std::uint64_t tap_to_host = 0, tap_from_host = 0;
    std::uint64_t tap_refused = 0, tap_foreign = 0, tap_oversize = 0;
};

struct BondCounters {
    std::uint64_t rx_packets = 0, rx_bytes = 0; // handed up to the logical interface
    std::uint64_t merged = 0;                   // … of them, inside of the frame before
    std::uint64_t reordered = 0;                // … of them, after a wait for an earlier segment
    std::uint64_t tx_packets = 0, tx_bytes = 0; // taken from the logical interface
    std::uint64_t punted = 0;                   // received frames given to control
    std::uint64_t held = 0;                     // frames that waited while their flow moved
    std::uint64_t held_overflow = 0;            // … and found no room to
    std::uint64_t copied = 0;                   // … of which it got a copy, the frame went its way
    std::uint64_t copies_lost = 0;              // … should have got one
    std::uint64_t injected = 0;                 // frames of control's own put on the wire
    std::uint64_t answered = 0;                 // frames of the logical interface answered on the spot
    std::uint64_t left_rx_packets = 0, left_tx_packets = 0; // of members that have left
    std::array<std::uint64_t, kDropReasons>
        drops{}; // of the bond as a whole: those of its members are among them
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The modes as every room may know them: a row each, with what the mode is and has. Options, views and lines
// of the status name the traits that they are for; no room but a mode's own files asks for a mode by its
// number. Pure functions, any thread, but for add_mode().
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/enum_set.hpp"

namespace dpdkbond {

struct BondOptions;

enum class Mode : std::uint8_t {
    balance_rr = 0,
    active_backup = 1,
    balance_xor = 2,
    broadcast = 3,
    ieee8023ad = 4,
    balance_tlb = 5,
    balance_alb = 6,
    balance_spray = 7, // ours
};
inline constexpr std::size_t kModeCount = 8;
inline constexpr std::size_t kMaxModes = 32;

using ModeSet = EnumSet<Mode, kMaxModes>;
static_assert(kModeCount <= kMaxModes, "ModeSet has a bit for each");

enum class Trait : std::uint8_t {
    any,            // every mode has it
    round_robin,    // members take turns (packets_per_slave)
    backups,        // members that are not active wait in silence (fail_over_mac, arp_all_targets)
    one_active,     // there is an active member, which an operator may name
    probed,         // members may be monitored by ARP and NS
    announces,      // gratuitous ARP and unsolicited NA tell neighbours of a change
    reports_groups, // multicast memberships are reported after a failover
    hashed,         // xmit_hash_policy chooses members
    by_queue,       // queue_id chooses members
    lacp,           // 802.1AX
    by_load,        // transmit load chooses members
    rlb,            // neighbours are told by which member to send
    spray,          // frames of one flow leave by several paths
    count
};
using TraitSet = EnumSet<Trait, static_cast<std::size_t>(Trait::count)>;

struct ModeDef {
    Mode mode;
    std::string_view name;  // as `ip link` spells it
    std::string_view help;  // one line
    std::string_view title; // in the status text, Linux's
    TraitSet traits{};      // beside Trait::any
    bool (*shows_hash)(const BondOptions&) =
        nullptr; // whether the status text names the hash policy; nullptr: no
    // A section of its own among the keys of a bond (lib/config/section.hpp), and how its options are put
    // back to their defaults.
    std::string_view section{};
    void (*reset_section)(BondOptions&) = nullptr;

    [[nodiscard]] constexpr bool has(Trait t) const { return t == Trait::any || traits.has(t); }
    [[nodiscard]] constexpr bool has_one_of(TraitSet some) const {
        return some.has(Trait::any) || traits.meets(some);
    }
};

std::span<const ModeDef> mode_table(); // in the order of the numbers
const ModeDef& mode_def(Mode mode);    // of a mode in the table
ModeSet modes_with(TraitSet some);     // that have one of these

// One more mode behind those of the table, whose number is the next one. Before anything else runs: at the
// start of a program that has a mode of its own (drivers/registry.hpp).
void add_mode(const ModeDef& def);

std::string_view mode_name(Mode mode);                       // "balance-rr" …
std::optional<Mode> parse_mode(std::string_view text);       // name or number
std::optional<Mode> parse_linux_mode(std::string_view text); // … of one that Linux has: 0 to 6
// "active-backup (1), balance-tlb (5)"; "every mode" for all of them.
std::string modes_phrase(ModeSet modes);
std::string every_mode_phrase();       // "balance-rr (0), …": all of them, each by name and number
std::string mode_names(ModeSet modes); // "active-backup, balance-tlb"

} // namespace dpdkbond

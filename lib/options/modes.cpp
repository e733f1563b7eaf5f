// SPDX-License-Identifier: BSD-3-Clause
#include "options/modes.hpp"

#include <stdexcept>

#include "base/fixed_vec.hpp"
#include "options/options.hpp"

namespace dpdkbond {
namespace {

using enum Trait;

bool always(const BondOptions&) { return true; }
bool unless_dynamic(const BondOptions& options) { return !options.tlb_dynamic_lb; }

using Table = FixedVec<ModeDef, kMaxModes>;

Table own_modes() {
    Table table;
    for (const ModeDef& def : {
             ModeDef{.mode = Mode::balance_rr,
            .name = "balance-rr",
            .help = "each packet, or each packets_per_slave of them, leaves by the next member",
            .title = "load balancing (round-robin)",
            .traits = {round_robin, probed, reports_groups, by_queue}},
             ModeDef{.mode = Mode::active_backup,
             .name = "active-backup",
             .help = "one member carries everything, the others stand by",
             .title = "fault-tolerance (active-backup)",
             .traits = {backups, one_active, probed, announces, reports_groups, by_queue}},
             ModeDef{.mode = Mode::balance_xor,
             .name = "balance-xor",
             .help = "a flow's hash chooses its member",
             .title = "load balancing (xor)",
             .traits = {probed, hashed},
             .shows_hash = always},
             ModeDef{.mode = Mode::broadcast,
             .name = "broadcast",
             .help = "every packet leaves by every member",
             .title = "fault-tolerance (broadcast)",
             .traits = {probed}},
             ModeDef{.mode = Mode::ieee8023ad,
             .name = "802.3ad",
             .help = "LACP agrees with the partner on the members that form one link",
             .title = "IEEE 802.3ad Dynamic link aggregation",
             .traits = {lacp, hashed, announces},
             .shows_hash = always},
             ModeDef{.mode = Mode::balance_tlb,
             .name = "balance-tlb",
             .help = "transmit load decides the member, receive stays on one",
             .title = "transmit load balancing",
             .traits = {by_load, one_active, hashed, announces, reports_groups},
             .shows_hash = unless_dynamic},
             ModeDef{.mode = Mode::balance_alb,
             .name = "balance-alb",
             .help = "balance-tlb, and ARP spreads the IPv4 peers over the members",
             .title = "adaptive load balancing",
             .traits = {by_load, rlb, one_active, hashed, reports_groups},
             .shows_hash = unless_dynamic},
             ModeDef{.mode = Mode::balance_spray,
             .name = "balance-spray",
             .help = "a flow's packets leave by all members, to peers with a next hop behind each",
             .title = "load balancing (balance-spray)", // ours, no counterpart in Linux
                     .traits = {spray, one_active, announces, reports_groups},
             .section = "spray",
             .reset_section = [](BondOptions& options) { options.spray = {}; }},
         })
        (void)table.push_back(def);
    return table;
}

Table& table() {
    static Table modes = own_modes();
    return modes;
}

} // namespace

std::span<const ModeDef> mode_table() { return {table().begin(), table().size()}; }

const ModeDef& mode_def(Mode mode) {
    const auto number = static_cast<std::size_t>(mode);
    if (number >= table().size()) throw std::out_of_range("no such mode");
    return table()[number];
}

ModeSet modes_with(TraitSet some) {
    ModeSet modes;
    for (const ModeDef& def : mode_table())
        if (def.has_one_of(some)) modes.add(def.mode);
    return modes;
}

void add_mode(const ModeDef& def) {
    if (static_cast<std::size_t>(def.mode) != table().size() || !table().push_back(def))
        throw std::invalid_argument(std::string(def.name) + ": its number is not the next mode's");
}

std::string_view mode_name(Mode mode) { return mode_def(mode).name; }

std::optional<Mode> parse_mode(std::string_view text) {
    for (const ModeDef& def : mode_table())
        if (text == def.name || text == std::to_string(static_cast<unsigned>(def.mode))) return def.mode;
    return std::nullopt;
}

std::optional<Mode> parse_linux_mode(std::string_view text) {
    const auto mode = parse_mode(text);
    return mode && *mode <= Mode::balance_alb ? mode : std::nullopt;
}

namespace {

// What `of` says of each, with commas between.
std::string list_of(ModeSet modes, std::string (*of)(const ModeDef&)) {
    std::string text;
    for (const ModeDef& def : mode_table())
        if (modes.has(def.mode)) text += (text.empty() ? "" : ", ") + of(def);
    return text;
}

std::string name_and_number(const ModeDef& def) {
    return std::string(def.name) + " (" + std::to_string(static_cast<unsigned>(def.mode)) + ")";
}

} // namespace

std::string modes_phrase(ModeSet modes) {
    return modes == modes_with({any}) ? "every mode" : list_of(modes, name_and_number);
}

std::string every_mode_phrase() { return list_of(modes_with({any}), name_and_number); }

std::string mode_names(ModeSet modes) {
    return list_of(modes, [](const ModeDef& def) { return std::string(def.name); });
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The rules between options, as Linux's netlink interface enforces them when a bond is made.
#include "options/options.hpp"

namespace dpdkbond {
namespace {

std::string not_in_mode(Mode mode, const OptionDef& def) {
    return "the mode " + std::string(mode_name(mode)) + " does not take it; taken by " +
           modes_phrase(modes_with(def.taken_by));
}

bool is_given(OptionSet given, std::string_view name) {
    return (given & option_bit(option_index(*find_option(name)))) != 0;
}

} // namespace

std::vector<OptionProblem> check_options(Mode mode, BondOptions& options, OptionSet given) {
    std::vector<OptionProblem> problems;
    for (const OptionDef& def : option_table())
        if (!def.of_member && is_given(given, def.name) && !takes(mode, def))
            problems.push_back({std::string(def.name), not_in_mode(mode, def)});

    if (options.arp_interval != 0 && !is_given(given, "miimon")) options.miimon = 0;
    if (options.arp_interval != 0 && options.miimon != 0) {
        problems.push_back(
            {"arp_interval", "excludes miimon; allowed: one of the two, the other 0 or left out"});
    }
    if (is_given(given, "miimon") && options.miimon != 0 && options.arp_validate != ArpValidate::none) {
        problems.push_back(
            {"arp_validate", "belongs to arp_interval, which miimon excludes; leave one of them out"});
    }

    if (options.damping_half_life != 0 && options.damping_reuse >= options.damping_suppress) {
        problems.push_back({is_given(given, "damping_reuse") ? "damping_reuse" : "damping_suppress",
                            "a member would be held out for good or never; allowed: damping_reuse below "
                            "damping_suppress"});
    }

    struct Delay {
        std::string_view name;
        std::uint32_t& value;
    };
    for (const Delay delay : {Delay{"updelay", options.updelay}, Delay{"downdelay", options.downdelay},
                              Delay{"peer_notif_delay", options.peer_notif_delay}}) {
        if (options.miimon != 0) {
            delay.value -= delay.value % options.miimon;
        } else if (is_given(given, delay.name)) {
            problems.push_back({std::string(delay.name),
                                "counts in steps of miimon, which is 0; set miimon too, or "
                                "leave it out"});
        }
    }
    return problems;
}

std::vector<OptionProblem> check_member_options(Mode mode, const MemberOptions& options, OptionSet given) {
    std::vector<OptionProblem> problems;
    for (const OptionDef& def : option_table())
        if (def.of_member && is_given(given, def.name) && !takes(mode, def) &&
            member_option_text(options, def) != def.default_text)
            problems.push_back({std::string(def.name), not_in_mode(mode, def)});
    return problems;
}

void end_other_monitor(const OptionDef& named, BondOptions& options, OptionSet& given) {
    const auto forget = [&](std::string_view name) {
        const OptionDef& def = *find_option(name);
        (void)set_bond_option(options, name, def.default_text);
        given &= ~option_bit(option_index(def));
    };
    if (named.name == "arp_interval" && options.arp_interval != 0) {
        for (const char* name : {"miimon", "updelay", "downdelay", "peer_notif_delay"}) forget(name);
        options.miimon = 0;
    } else if (named.name == "miimon" && options.miimon != 0) {
        for (const char* name : {"arp_interval", "arp_validate"}) forget(name);
    } else if (named.name == "arp_interval" && options.miimon == 0 && !is_given(given, "miimon")) {
        forget("miimon"); // as in a file that says neither
    }
}

void take_over_options(Mode mode, BondOptions& options, OptionSet& given, OptionsAside& aside) {
    const auto forget = [&](const OptionDef& def) {
        given &= ~option_bit(option_index(def));
        (void)set_bond_option(options, def.name, def.default_text);
    };
    const auto move = [](const OptionDef& def, const BondOptions& from, OptionSet& left, BondOptions& to,
                         OptionSet& grown) {
        if (!set_bond_option(to, def.name, bond_option_text(from, def))) return;
        left &= ~option_bit(option_index(def));
        grown |= option_bit(option_index(def));
    };
    forget(*find_option("arp_validate"));
    if (const OptionDef& def = *find_option("arp_interval"); !takes(mode, def)) forget(def);
    for (const OptionDef& def : option_table()) {
        if (def.of_member) continue;
        if (takes(mode, def)) {
            if (is_given(aside.which, def.name)) move(def, aside.values, aside.which, options, given);
            continue;
        }
        if (is_given(given, def.name)) move(def, options, given, aside.values, aside.which);
        forget(def);
    }
    for (const ModeDef& other : mode_table())
        if (other.mode != mode && other.reset_section != nullptr) other.reset_section(options);
    if (!takes(mode, *find_option("arp_interval")) && options.miimon == 0) forget(*find_option("miimon"));
}

Result<void> may_change_running(Mode mode, const OptionDef& def, bool has_members) {
    const std::string name(def.name);
    if (!takes(mode, def)) return Error{name + ": " + not_in_mode(mode, def)};
    switch (def.when) {
    case When::any_time:
    case When::any_time_here: return {};
    case When::no_members:
        if (!has_members) return {};
        return Error{name + " can change only while the bond has no members; remove them first, or restart"};
    }
    return {};
}

} // namespace dpdkbond

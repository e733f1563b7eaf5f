// SPDX-License-Identifier: BSD-3-Clause
// What may follow the words of a console line.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ops/console_commands.hpp"
#include "ops/console_list.hpp"

namespace dpdkbond {

namespace {

void suggest(Completion& out, std::string_view word, std::string_view help) {
    const bool known =
        std::ranges::any_of(out.suggestions, [&](const Suggestion& s) { return s.word == word; });
    if (!known) out.suggestions.push_back({std::string(word), std::string(help)});
}

void suggest_members(Completion& out, Instance& instance, std::string_view bond) {
    if (const auto view = instance.bond(bond))
        for (const MemberView& member : view->members) suggest(out, member.status.name, member.status.device);
}

// Those that the bond's mode takes, with the value that they have.
void suggest_options(Completion& out, Instance& instance, std::string_view bond, bool of_member) {
    const auto view = instance.bond(bond);
    if (!of_member) suggest(out, "mode", "how frames are spread over the members");
    for (const OptionDef& def : option_table()) {
        if (def.of_member != of_member || (view && !takes(view->status.mode, def))) continue;
        std::string help(def.help);
        if (view && !of_member) help += fmt::format(" (now: {})", bond_option_text(view->options, def));
        suggest(out, def.name, help);
    }
}

// What the first word of several commands is for.
std::string_view help_of(std::string_view word, std::string_view command) {
    constexpr std::pair<std::string_view, std::string_view> kWords[] = {
        {"show", "what a bond or a member is and does"},
        {"set", "change a bond or a member while it runs"},
        {"bond", "one bond, by name"},
        {"member", "one member of a bond"},
        {"capture", "members' frames to a pcapng file"},
    };
    for (const auto& [of, help] : kWords)
        if (of == word) return help;
    return command;
}

void suggest_values(Completion& out, Instance& instance, std::string_view bond, std::string_view option) {
    if (option == "mode")
        for (const ModeDef& mode : mode_table())
            suggest(out, mode.name, fmt::format("{}", static_cast<unsigned>(mode.mode)));
    const OptionDef* def = find_option(option);
    if (def == nullptr) return;
    out.wanted_help = allowed_text(*def);
    const auto view = instance.bond(bond);
    const std::string now = view && !def->of_member ? bond_option_text(view->options, *def) : std::string();
    for (const Choice& choice : def->choices)
        suggest(out, choice.name,
                fmt::format("{}{}", choice.number, choice.name == now ? ", as it is now" : ""));
    if (def->kind == ValueKind::member) suggest_members(out, instance, bond);
}

// What may follow the last word of `add member NAME DEVICE …`.
void suggest_settings(Completion& out, Instance& instance, std::string_view bond, std::string_view last) {
    if (last == "driver")
        for (const char* driver : {"vfio-pci", "uio_pci_generic", "none"}) suggest(out, driver, "");
    if (last == "carrier")
        for (const char* source : {"auto", "ethdev", "netdev:"}) suggest(out, source, "");
    const OptionDef* def = find_option(last);
    if (last == "driver" || last == "carrier" || last == "name" || (def != nullptr && def->of_member)) return;
    suggest(out, "name", "of the member");
    suggest(out, "driver", "that its PCI device is bound to");
    suggest(out, "carrier", "where its link state is read");
    suggest(out, "force", "though it has addresses or routes of its own");
    suggest_options(out, instance, bond, true);
}

void suggest_value(Completion& out, Instance& instance, std::string_view slot, const Words& before) {
    if (slot == "COMMAND...") { // of `help`: as without it
        const Words words(before.begin() + 1, before.end());
        for (const Suggestion& s : complete_command(instance, words).suggestions)
            suggest(out, s.word, s.help);
        return;
    }
    const std::size_t at = before.front() == "capture" ? 1 : 2;
    const std::string_view bond = before.size() > at ? std::string_view(before[at]) : std::string_view();
    if (slot == "NAME")
        for (const std::string& name : instance.bond_names()) suggest(out, name, "bond");
    else if (slot == "MEMBER" || slot == "MEMBER|all")
        suggest_members(out, instance, bond);
    else if (slot == "OPTION" || slot == "MEMBER_OPTION")
        suggest_options(out, instance, bond, slot == "MEMBER_OPTION");
    else if (slot == "VALUE")
        suggest_values(out, instance, bond, before.back());
    else if (slot == "SETTING...")
        suggest_settings(out, instance, bond, before.back());
    if (slot == "MEMBER|all") suggest(out, "all", "every member");
}

} // namespace

Completion complete_command(Instance& instance, const Words& words) {
    Completion out;
    const auto candidates = matching(console_syntaxes(), words);
    out.possible = !candidates.empty();
    for (const std::size_t index : candidates) {
        const Syntax& syntax = console_syntaxes()[index];
        out.complete |= fits(syntax, words.size());
        const std::string_view slot = slot_at(syntax, words.size());
        if (slot.empty()) continue;
        if (is_value_slot(slot)) {
            if (out.wanted.empty()) out.wanted_help = console_help(index);
            out.wanted = slot;
            suggest_value(out, instance, slot, words);
        } else {
            for (const std::string_view word : slot_words(slot))
                suggest(out, word, help_of(word, console_help(index)));
        }
    }
    return out;
}

} // namespace dpdkbond

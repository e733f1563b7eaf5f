// SPDX-License-Identifier: BSD-3-Clause
#include "config/describe.hpp"

#include <fmt/format.h>

#include <array>

#include "config/keys.hpp"
#include "config/section.hpp"
#include "options/options.hpp"

namespace dpdkbond {
namespace {

constexpr std::size_t kWidth = 100;

// Words of `text` in lines that start with `indent` and end before kWidth.
std::string wrapped(const std::string& text, const std::string& indent) {
    std::string out, line;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        if (!line.empty() && indent.size() + line.size() + 1 + word.size() > kWidth) {
            out += indent + line + "\n";
            line.clear();
        }
        line += (line.empty() ? "" : " ") + word;
        at = end + 1;
    }
    return out + indent + line + "\n";
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

std::string digits(TraitSet some) {
    if (some.has(Trait::any)) return "all";
    std::string text;
    for (const ModeDef& def : mode_table()) {
        if (!def.has_one_of(some)) continue;
        text += (text.empty() ? "" : ",") + std::to_string(static_cast<unsigned>(def.mode));
    }
    return text;
}

std::string default_of(const OptionDef& def) {
    return def.default_text.empty() ? "none" : std::string(def.default_text);
}

std::string unit_of(const OptionDef& def) { return def.unit.empty() ? "" : " " + std::string(def.unit); }

std::string when_of(const OptionDef& def) {
    switch (def.when) {
    case When::any_time:
    case When::any_time_here: return "any time";
    case When::no_members: return "without members";
    }
    return {};
}

std::string spellings(const OptionDef& def) {
    std::string text;
    for (const std::string_view alias : def.aliases) text += (text.empty() ? "" : ", ") + std::string(alias);
    return text;
}

std::string option_text(const OptionDef& def) {
    const std::string first = "  " + padded(std::string(def.name), 20) +
                              padded(default_of(def) + unit_of(def), 20) + padded(digits(def.taken_by), 12) +
                              padded(digits(def.works_in), 12) + when_of(def);
    std::string out = first + "\n" + wrapped(std::string(def.help), "      ");
    out += wrapped("values: " + allowed_text(def) + unit_of(def), "      ");
    if (!def.aliases.empty()) out += wrapped("also spelt: " + spellings(def), "      ");
    return out;
}

std::string option_heading() {
    return "  " + padded("NAME", 20) + padded("DEFAULT", 20) + padded("TAKEN BY", 12) +
           padded("WORKS IN", 12) + "CHANGES\n";
}

// A cell of a Markdown table.
std::string cell(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
    return out + " |";
}

std::string code(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string markdown_values(const OptionDef& def) {
    if (def.kind != ValueKind::choice) return allowed_text(def) + unit_of(def);
    std::string text;
    for (const Choice& choice : def.choices) {
        text += (text.empty() ? "" : ", ") + code(choice.name) + " (" + std::to_string(choice.number) + ")";
    }
    return text;
}

std::string markdown_option(const OptionDef& def) {
    std::string name = code(def.name);
    for (const std::string_view alias : def.aliases) name += ", " + code(alias);
    return "| " + cell(name) + " " + cell(std::string(def.help) + ".") + " " + cell(markdown_values(def)) +
           " " + cell(default_of(def)) + " " + cell(digits(def.taken_by)) + " " + cell(digits(def.works_in)) +
           " " + cell(when_of(def)) + "\n";
}

std::string markdown_options(bool of_member) {
    std::string out = "| Option | What it does | Values | Default | Taken by | Works in | Changes |\n"
                      "|---|---|---|---|---|---|---|\n";
    for (const OptionDef& def : option_table()) {
        if (def.of_member == of_member) out += markdown_option(def);
    }
    return out;
}

std::string markdown_modes() {
    std::string out = "| Number | Mode | What it does |\n|---|---|---|\n";
    for (const ModeDef& def : mode_table()) {
        out += "| " + std::to_string(static_cast<unsigned>(def.mode)) + " | " + code(def.name) + " | " +
               cell(std::string(def.help) + ".") + "\n";
    }
    return out;
}

std::string markdown_table(std::string_view what, std::span<const SectionKey> keys) {
    std::string out = "| Key | What it " + std::string(what) + " | Values | Default |\n|---|---|---|---|\n";
    for (const SectionKey& key : keys)
        out += "| " + cell(code(key.name)) + " " + cell(std::string(key.help) + ".") + " " +
               cell(std::string(key.values)) + " " +
               cell(key.default_text.empty() ? "needed" : std::string(key.default_text)) + "\n";
    return out;
}

std::string markdown_sections() {
    std::string out;
    for (const ModeSection* s : mode_sections())
        out += "\n## The section `" + std::string(s->name) + "` of a bond in mode " +
               std::string(mode_of(*s).name) + "\n\n" + markdown_table("does", s->keys);
    return out;
}

constexpr std::array<Section, 4> kSections = {Section::runtime, Section::bond, Section::logical,
                                              Section::member};

std::string keys_heading(Section section) {
    constexpr std::string_view of[] = {"The section `runtime`", "Keys of a bond beside its options",
                                       "The section `logical` of a bond",
                                       "Keys of a member beside its options"};
    return std::string(of[static_cast<unsigned>(section)]);
}

std::string markdown_keys() {
    std::string out;
    for (const Section section : kSections)
        out += "\n## " + keys_heading(section) + "\n\n" + markdown_table("is", keys_of(section));
    return out;
}

std::string keys_text() {
    std::string out;
    for (const Section section : kSections) {
        out += "\nKeys of " + std::string(section_name(section)) + "\n  " + padded("NAME", 20) + "DEFAULT\n";
        for (const SectionKey& key : keys_of(section)) {
            const std::string_view def = key.default_text.empty() ? "needed" : key.default_text;
            out += "  " + padded(std::string(key.name), 20) + std::string(def) + "\n" +
                   wrapped(std::string(key.help), "      ") +
                   wrapped("values: " + std::string(key.values), "      ");
        }
    }
    return out;
}

constexpr std::array<const char*, 13> kDeviations = {
    "`miimon` is 100 when neither it nor `arp_interval` is given. Linux starts most modes with 0, and such a "
    "bond never "
    "notices a lost link. Write `miimon: 0` to have that.",
    "`layer2+3` and `layer3+4` always look behind VLAN tags. Linux does where one of its VLAN devices put "
    "the tag there, and "
    "takes a frame that came with its tag, from a bridge or a virtual machine, by its MAC addresses alone.",
    "A flow keeps its member when another one goes or comes. With all members up the choice is Linux's, hash "
    "modulo "
    "number of members. When one is lost, only its own flows move, and they move back with it; Linux "
    "computes the "
    "modulo anew, and most flows change their member.",
    "balance-tlb and balance-alb move as few flows as balance needs, by what was measured in the last "
    "seconds, at "
    "most once in 5 s. Linux forgets every 10 s where all flows go. balance-tlb announces a failover as "
    "active-backup does (`num_grat_arp`), and learning frames are sent with `tlb_dynamic_lb: off` too.",
    "balance-alb gives each member neighbours by its speed, Linux to the fastest members only; it keeps 1024 "
    "of "
    "them by address, Linux 256 by a hash in which they displace one another. A neighbour asked or answered "
    "alone "
    "is told its member's MAC at once, so that only broadcasts need making good.",
    "`rlb_ipv6` is ours: Linux does not spread what IPv6 peers send.",
    "`primary` and `active_slave` must name a member in the file. Linux keeps a `primary` for a member that "
    "may come later.",
    "`active_slave` in the file is the first choice at the start. In Linux it is only a command to a running "
    "bond, which it "
    "is here too.",
    "`use_carrier` takes 1 only, as newest Linux does; older ones knew another way to ask for the carrier.",
    "Among members of equal `prio` the active one stays. Linux takes the first of them whenever it chooses "
    "anew.",
    "A member's option may stand with its default value in a mode that does not take it. Linux refuses it "
    "there with any value.",
    "`lacp_rate`, `lacp_active`, `ad_select`, `ad_user_port_key`, `coupled_control` and `tlb_dynamic_lb` "
    "change "
    "while the bond runs. Linux wants the bond down for them.",
    "Switches take `true`, `false`, `yes` and `no` besides Linux's `on`, `off`, `1` and `0`, as they are "
    "YAML's words.",
};

} // namespace

std::string modes_text() {
    std::string out = "Modes\n";
    for (const ModeDef& def : mode_table()) {
        out += "  " + std::to_string(static_cast<unsigned>(def.mode)) + "  " +
               padded(std::string(def.name), 16) + std::string(def.help) + "\n";
    }
    for (const bool of_member : {false, true}) {
        out += of_member ? "\nOptions of a member\n" : "\nOptions of a bond\n";
        out += option_heading();
        for (const OptionDef& def : option_table()) {
            if (def.of_member == of_member) out += option_text(def);
        }
    }
    for (const ModeSection* section : mode_sections()) {
        out += fmt::format("\nKeys of the section {} of a bond in mode {}\n  ", section->name,
                           mode_of(*section).name) +
               padded("NAME", 20) + padded("DEFAULT", 24) + "VALUES\n";
        for (const SectionKey& key : section->keys) {
            const std::string_view def = key.default_text.empty() ? "needed" : key.default_text;
            out += "  " + padded(std::string(key.name), 20) + padded(std::string(def), 24) +
                   std::string(key.values) + "\n" + wrapped(std::string(key.help), "      ");
        }
    }
    out += keys_text();
    return out + "\nTAKEN BY: the modes that take the option, by number; elsewhere it is an error.\n"
                 "WORKS IN: the modes in which it changes anything.\n";
}

std::string options_markdown() {
    std::string out =
        "# Modes and options\n\n"
        "This page is made from the program's own tables, as `dpdk-bond modes` is; a test keeps them equal.\n"
        "Names, values, defaults and rules are those of Linux bonding, by sysfs, netlink and `ip link`. "
        "Values "
        "are\ntaken by name and by number.\n\n"
        "## Modes\n\n" +
        markdown_modes() +
        "\n## Options of a bond\n\n"
        "*Taken by* lists the modes that take the option, by number; elsewhere it is an error, as in Linux. "
        "*Works in*\nlists the modes in which it changes anything. *Changes* says when `set bond` may change "
        "it: at any time, only\nwhile the bond has no members, or only in the file, before the start.\n\n" +
        markdown_options(false) + "\n## Options of a member\n\n" + markdown_options(true) +
        markdown_sections() + markdown_keys() +
        "\n## Rules between options\n\n"
        "- `miimon` and `arp_interval` exclude one another: one of them is 0 or left out.\n"
        "- `arp_validate` goes with `arp_interval`, and not with `miimon`.\n"
        "- `updelay`, `downdelay` and `peer_notif_delay` need `miimon`, and are rounded down to a multiple "
        "of "
        "it.\n\n"
        "## Where this differs from Linux\n\n";
    for (const char* deviation : kDeviations) out += "- " + std::string(deviation) + "\n";
    return out;
}

} // namespace dpdkbond

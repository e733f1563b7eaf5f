// SPDX-License-Identifier: BSD-3-Clause
#include "options/options.hpp"

#include <algorithm>

#include "base/quote.hpp"

namespace dpdkbond {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    // Three rows, as two neighbours that changed places count as one edit.
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

Result<void> set_option(BondOptions& bond, MemberOptions& member, bool of_member, std::string_view name,
                        std::string_view text) {
    const OptionDef* def = find_option(name);
    if (def == nullptr || def->of_member != of_member) {
        std::vector<std::string_view> names;
        for (const OptionDef& one : option_table()) {
            if (one.of_member == of_member) names.push_back(one.name);
        }
        const std::string near = nearest_name(name, names);
        return Error{std::string("no such option of a ") + (of_member ? "member" : "bond") + ": " +
                     in_quotes(name) + (near.empty() ? "" : "; did you mean " + near + "?")};
    }
    return def->set(bond, member, *def, text);
}

} // namespace

const OptionDef* find_option(std::string_view name_or_alias) {
    for (const OptionDef& def : option_table()) {
        if (def.name == name_or_alias) return &def;
        if (std::ranges::find(def.aliases, name_or_alias) != def.aliases.end()) return &def;
    }
    return nullptr;
}

std::size_t option_index(const OptionDef& def) {
    return static_cast<std::size_t>(&def - option_table().data());
}

std::string allowed_text(const OptionDef& def) {
    switch (def.kind) {
    case ValueKind::number: return std::to_string(def.min) + "-" + std::to_string(def.max);
    case ValueKind::choice: {
        std::string text;
        for (const Choice& choice : def.choices) {
            text += (text.empty() ? "" : ", ") + std::string(choice.name) + " (" +
                    std::to_string(choice.number) + ")";
        }
        return text;
    }
    case ValueKind::mac: return "a unicast MAC address, or all zeros";
    case ValueKind::ipv4_list: return "up to " + std::to_string(def.max) + " different IPv4 addresses";
    case ValueKind::ipv6_list: return "up to " + std::to_string(def.max) + " different IPv6 addresses";
    case ValueKind::member: return "the name of a member, or empty";
    }
    return {};
}

Result<void> set_bond_option(BondOptions& options, std::string_view name, std::string_view text) {
    MemberOptions unused;
    return set_option(options, unused, false, name, text);
}

Result<void> set_member_option(MemberOptions& options, std::string_view name, std::string_view text) {
    BondOptions unused;
    return set_option(unused, options, true, name, text);
}

std::string bond_option_text(const BondOptions& options, const OptionDef& def) {
    return def.get(options, MemberOptions{}, def);
}

std::string member_option_text(const MemberOptions& options, const OptionDef& def) {
    return def.get(BondOptions{}, options, def);
}

std::string nearest_name(std::string_view unknown, std::span<const std::string_view> names) {
    if (unknown.empty() || unknown.size() > 40) return {};
    std::string_view best;
    std::size_t least = std::max<std::size_t>(2, unknown.size() / 3) + 1;
    for (const std::string_view name : names) {
        const std::size_t distance = edit_distance(unknown, name);
        if (distance < least && distance < std::max(unknown.size(), name.size())) {
            least = distance;
            best = name;
        }
    }
    return std::string(best);
}

} // namespace dpdkbond

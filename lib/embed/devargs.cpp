// SPDX-License-Identifier: BSD-3-Clause
#include "embed/devargs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "base/quote.hpp"
#include "config/load.hpp"
#include "config/names.hpp"
#include "config/validate.hpp"

namespace dpdkbond {

namespace {

// net_bonding's names, and the options of Linux that they are.
struct Alias {
    std::string_view name, option;
};
constexpr Alias kAliases[] = {{"xmit_policy", "xmit_hash_policy"},
                              {"lsc_poll_period_ms", "miimon"},
                              {"up_delay", "updelay"},
                              {"down_delay", "downdelay"},
                              {"agg_mode", "ad_select"}};
constexpr Alias kPolicies[] = {{"l2", "layer2"}, {"l23", "layer2+3"}, {"l34", "layer3+4"}};

constexpr std::string_view kOwnKeys[] = {"mode", "member", "slave", "primary",
                                         "mac",  "config", "bond",  "socket_id"};

std::string_view aliased(std::string_view name, std::span<const Alias> aliases) {
    for (const Alias& a : aliases)
        if (a.name == name) return a.option;
    return name;
}

struct Pair {
    std::string key, value;
};

// "a=b,c=[d,e]" → (a, b), (c, "d,e").
std::vector<Pair> split(std::string_view text, std::vector<std::string>& problems) {
    std::vector<Pair> pairs;
    std::size_t begin = 0;
    int depth = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        if (i < text.size() && text[i] == '[') ++depth;
        if (i < text.size() && text[i] == ']') --depth;
        if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
        std::string_view one = text.substr(begin, i - begin);
        begin = i + 1;
        if (one.empty()) continue;
        const std::size_t equals = one.find('=');
        const std::string key(one.substr(0, equals));
        if (equals == std::string_view::npos || equals + 1 == one.size()) {
            problems.push_back(fmt::format("{}: it has no value; allowed: KEY=VALUE", in_quotes(key)));
            continue;
        }
        one.remove_prefix(equals + 1);
        if (one.size() >= 2 && one.front() == '[' && one.back() == ']') one = one.substr(1, one.size() - 2);
        pairs.push_back({key, std::string(one)});
    }
    return pairs;
}

class Reader {
public:
    Reader(const std::string& name, bool needs_member) : needs_member_(needs_member) {
        out_.args.bond.name = name;
    }

    ParsedPortArgs read(std::string_view text) {
        const std::vector<Pair> pairs = split(text, out_.problems);
        read_file(pairs);
        for (const Pair& p : pairs) take(p);
        finish();
        return std::move(out_);
    }

private:
    void add(std::string_view key, const std::string& what) {
        out_.problems.push_back(fmt::format("{}: {}", key, what));
    }

    void read_file(const std::vector<Pair>& pairs) {
        const auto value = [&](std::string_view key) -> const std::string* {
            const auto it = std::ranges::find(pairs, key, &Pair::key);
            return it != pairs.end() ? &it->value : nullptr;
        };
        const std::string* file = value("config");
        const std::string* bond = value("bond");
        if (file == nullptr) {
            if (bond != nullptr) add("bond", "names a bond of a file; give config=FILE too");
            return;
        }
        LoadedConfig loaded = load_config(*file);
        for (const ConfigProblem& p : loaded.problems) add("config", problem_line(*file, p));
        if (!loaded.problems.empty()) {
            broken_ = true;
            return;
        }
        std::vector<BondConfig>& bonds = loaded.config.bonds;
        auto chosen = bonds.begin();
        if (bond != nullptr) {
            chosen = std::ranges::find(bonds, *bond, &BondConfig::name);
        } else if (bonds.size() != 1) {
            add("bond", fmt::format("{} has {} bonds; name one of them", *file, bonds.size()));
            broken_ = true;
            return;
        }
        if (chosen == bonds.end()) {
            add("bond", fmt::format("{} has no bond {}", *file, in_quotes(*bond)));
            broken_ = true;
            return;
        }
        BondConfig& b = out_.args.bond;
        b.mode = chosen->mode;
        b.options = std::move(chosen->options);
        b.given = chosen->given;
        b.members = std::move(chosen->members);
    }

    void take(const Pair& p) {
        if (p.key == "member" || p.key == "slave") {
            take_member(p);
            return;
        }
        const std::string_view option = aliased(p.key, kAliases);
        if (!seen_.insert(std::string(option)).second) {
            add(p.key, option == p.key ? "it is there twice; give it once"
                                       : fmt::format("it is {}, which is there twice; give it once", option));
            return;
        }
        BondConfig& b = out_.args.bond;
        if (p.key == "config" || p.key == "bond") return;
        if (p.key == "mode") {
            const auto mode = parse_mode(p.value);
            if (mode)
                b.mode = *mode;
            else
                add(p.key,
                    fmt::format("{} is no mode; allowed: {}", in_quotes(p.value), every_mode_phrase()));
            broken_ |= !mode;
        } else if (p.key == "mac") {
            b.logical.mac = Mac::parse(p.value);
            if (!b.logical.mac || !b.logical.mac->is_valid_unicast())
                add(p.key,
                    fmt::format("{} is no MAC address of a device; allowed: one such as 02:bd:00:00:00:01",
                                in_quotes(p.value)));
        } else if (p.key == "socket_id") {
            const auto [end, error] =
                std::from_chars(p.value.data(), p.value.data() + p.value.size(), out_.args.socket_id);
            if (error != std::errc() || end != p.value.data() + p.value.size() || out_.args.socket_id < 0 ||
                out_.args.socket_id > 255)
                add(p.key, fmt::format("{} is no memory node; allowed: 0-255", in_quotes(p.value)));
        } else {
            take_option(p, option);
        }
    }

    void take_option(const Pair& p, std::string_view option) {
        const OptionDef* def = find_option(option);
        if (def == nullptr || def->of_member) {
            add(p.key, def != nullptr ? "it is a member's, which only a file can say; allowed: config=FILE"
                                      : unknown(p.key));
            return;
        }
        const bool policy = p.key == "xmit_policy";
        const std::string value(policy ? aliased(p.value, kPolicies) : p.value);
        if (auto set = set_bond_option(out_.args.bond.options, option, value); !set) {
            add(p.key, policy ? in_quotes(p.value) + " is no policy; allowed: l2, l23, l34" : set.error());
            broken_ = true;
            return;
        }
        out_.args.bond.given |= option_bit(option_index(*def));
    }

    static std::string unknown(std::string_view key) {
        std::vector<std::string_view> names(std::begin(kOwnKeys), std::end(kOwnKeys));
        for (const Alias& a : kAliases) names.push_back(a.name);
        for (const OptionDef& def : option_table())
            if (!def.of_member) names.push_back(def.name);
        const std::string near = nearest_name(key, names);
        return near.empty() ? "there is no such key; see docs/plugin.md"
                            : fmt::format("there is no such key; did you mean {}?", near);
    }

    void take_member(const Pair& p) {
        auto member = member_of_words(p.value);
        if (!member) {
            add(p.key, member.error());
            return;
        }
        auto& members = out_.args.bond.members;
        if (std::ranges::find(members, member.value().device, &MemberConfig::device) != members.end()) {
            add(p.key, fmt::format("{} is there twice; give each member once", p.value));
            return;
        }
        members.push_back(std::move(member).value());
    }

    // net_bonding's primary is a device; members' names are for the status.
    void name_primary() {
        std::string& primary = out_.args.bond.options.primary;
        if (primary.empty()) return;
        const std::string as_device = default_member_name(primary);
        for (const MemberConfig& m : out_.args.bond.members)
            if (m.device == primary || m.name == as_device) primary = m.name;
    }

    void finish() {
        BondConfig& b = out_.args.bond;
        if (b.options.member_taps) add("member_taps", kNoTaps);
        if (b.members.empty() && needs_member_ && out_.problems.empty())
            add("member", "there is none; name at least one device");
        if (broken_ || !out_.problems.empty()) return;
        name_primary();
        Config all;
        all.bonds.push_back(b);
        for (const ConfigProblem& p : validate(all)) {
            const std::string_view prefix = "bonds[0].";
            std::string_view key = p.key;
            if (key.starts_with(prefix)) key.remove_prefix(prefix.size());
            add(key, p.message);
        }
        b = std::move(all.bonds.front());
    }

    const bool needs_member_;
    ParsedPortArgs out_;
    std::set<std::string> seen_;
    bool broken_ = false; // what depends on a key that could not be read is not judged
};

} // namespace

ParsedPortArgs parse_port_args(const std::string& name, std::string_view text, bool needs_member) {
    ParsedPortArgs out;
    if (const std::string wrong = bond_name_problem(name); !wrong.empty()) {
        out.problems.push_back("the device's name: " + wrong);
        return out;
    }
    return Reader(name, needs_member).read(text);
}

std::string only_bond_of(const std::string& file) {
    const LoadedConfig loaded = load_config(file);
    return loaded.problems.empty() && loaded.config.bonds.size() == 1 ? loaded.config.bonds[0].name
                                                                      : std::string();
}

} // namespace dpdkbond

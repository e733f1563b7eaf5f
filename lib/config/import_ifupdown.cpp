// SPDX-License-Identifier: BSD-3-Clause
// ifupdown with ifenslave: /etc/network/interfaces and the files of interfaces.d.
#include <utility>

#include "config/import_foreign.hpp"

namespace dpdkbond {

namespace ifupdown {
namespace {

struct Stanza {
    std::string netdev, family, method;
    std::vector<std::pair<std::string, std::string>> lines; // keyword with _ for -, the rest
    [[nodiscard]] std::string value(std::string_view keyword) const {
        for (const auto& [key, value] : lines)
            if (key == keyword) return value;
        return {};
    }
};

std::vector<Stanza> stanzas(const ForeignFiles& files) {
    std::vector<Stanza> found;
    for (const ForeignFile& file : files) {
        bool in_stanza = false;
        std::string joined;
        for (const std::string& raw : lines_of(file.text)) {
            if (raw.ends_with('\\')) { // goes on on the next line
                joined += raw.substr(0, raw.size() - 1);
                continue;
            }
            const std::string whole = std::exchange(joined, "") + raw;
            const std::string_view line = trimmed(whole);
            if (line.empty() || line[0] == '#') continue;
            const std::size_t blank = std::min(line.find_first_of(" \t"), line.size());
            const std::string keyword(line.substr(0, blank)), rest(trimmed(line.substr(blank)));
            if (keyword == "iface") {
                const auto words = split(rest, " \t");
                in_stanza = words.size() >= 1;
                if (in_stanza)
                    found.push_back(
                        {words[0], words.size() > 1 ? words[1] : "", words.size() > 2 ? words[2] : "", {}});
            } else if (keyword == "auto" || keyword == "source" || keyword == "mapping" ||
                       keyword.starts_with("allow-") || keyword == "source-directory" ||
                       keyword == "no-auto-down" || keyword == "no-scripts") {
                in_stanza = false;
            } else if (in_stanza) {
                found.back().lines.emplace_back(with_dashes_as_underscores(keyword), rest);
            }
        }
    }
    return found;
}

// "bond-slaves" of new and "slaves" of old ifenslave.
std::string members_text(const Stanza& s) {
    const std::string text = s.value("bond_slaves");
    return text.empty() ? s.value("slaves") : text;
}

bool is_bond(const Stanza& s) {
    return !members_text(s).empty() || !s.value("bond_mode").empty() || !s.value("bond_miimon").empty();
}

void read_bond(ForeignBond& bond, const Stanza& s) {
    for (const std::string& netdev : split(members_text(s), " \t"))
        if (netdev != "none") bond.member(netdev);
    if (s.method == "dhcp" || s.method == "auto") bond.remark("iface " + s.netdev + " " + s.family, s.method);
    for (const auto& [key, value] : s.lines) {
        if (key == "bond_slaves" || key == "slaves" || key == "netmask") continue;
        if (key == "bond_primary") { // several may stand here; Linux has one
            const auto names = split(value, " \t");
            if (!names.empty()) bond.set("primary", names[0]);
        } else if (key.starts_with("bond_")) {
            std::string list;
            for (const std::string& word : split(value, " \t,")) list += (list.empty() ? "" : ",") + word;
            bond.set(key.substr(5), list);
        } else if (key == "address") {
            bond.addresses.push_back(with_length(value, s.value("netmask")));
        } else if (key == "hwaddress") {
            bond.mac = value.starts_with("ether ") ? value.substr(6) : value;
        } else if (key == "mtu") {
            bond.mtu = value;
        } else {
            bond.remark(key, value);
        }
    }
}

Result<ForeignBonds> read(const ForeignFiles& files) {
    ForeignBonds bonds;
    const std::vector<Stanza> all = stanzas(files);
    for (const Stanza& s : all)
        if (is_bond(s)) bonds.of(s.netdev);
    for (const Stanza& s : all) {
        if (bonds.find(s.netdev) != nullptr) read_bond(bonds.of(s.netdev), s);
        const std::string master = s.value("bond_master"), below = s.value("vlan_raw_device");
        if (!master.empty()) {
            ForeignBond& bond = bonds.of(master);
            bond.member(s.netdev);
            if (const auto names = split(s.value("bond_primary"), " \t"); !names.empty())
                bond.set("primary", names[0]);
        }
        const std::string physical = below.empty() ? s.netdev.substr(0, s.netdev.find('.')) : below;
        if (physical != s.netdev && bonds.find(physical) != nullptr)
            bonds.of(physical).remark("a VLAN on top of it", s.netdev);
    }
    return bonds;
}

bool is(const ForeignFile& file) {
    for (const std::string& line : lines_of(file.text))
        for (const std::string_view word : {"iface ", "auto ", "allow-hotplug "})
            if (trimmed(line).starts_with(word)) return true;
    return false;
}

// `interfaces`, and what interfaces.d may have in it: letters, digits, - and _, or names that end in .cfg.
bool belongs(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    return path.extension() == ".cfg" || name.find('.') == std::string::npos;
}

} // namespace
} // namespace ifupdown

const ForeignFormat ifupdown_format{"ifupdown", ifupdown::is, ifupdown::read, ifupdown::belongs};

} // namespace dpdkbond

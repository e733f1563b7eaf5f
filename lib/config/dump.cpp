// SPDX-License-Identifier: BSD-3-Clause
#include "config/dump.hpp"

#include <fmt/format.h>

#include "config/section.hpp"

namespace dpdkbond {

namespace {

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + "\"";
}

std::string_view backend_name(LogicalBackend b) {
    constexpr std::string_view names[] = {"auto", "virtio-user", "tap", "device"};
    return names[static_cast<unsigned>(b)];
}

} // namespace

std::string dump_bond(const BondConfig& bond) {
    std::string out =
        fmt::format("bonds:\n  - name: {}\n    mode: {}\n", quoted(bond.name), mode_name(bond.mode));
    const BondOptions defaults;
    for (const OptionDef& def : option_table()) {
        if (def.of_member) continue;
        const std::string value = bond_option_text(bond.options, def);
        const bool given = (bond.given & option_bit(option_index(def))) != 0;
        if (given || value != bond_option_text(defaults, def)) {
            const bool list = def.kind == ValueKind::ipv4_list || def.kind == ValueKind::ipv6_list;
            out += list ? fmt::format("    {}: [{}]\n", def.name, value)
                        : fmt::format("    {}: {}\n", def.name, quoted(value));
        }
    }
    if (const ModeSection* own = section_of(bond.mode)) out += own->dump(bond.options);
    const LogicalConfig& l = bond.logical;
    out += fmt::format("    logical:\n      backend: {}\n", backend_name(l.backend));
    if (!l.device.empty()) out += fmt::format("      device: {}\n", quoted(l.device));
    if (l.mac) out += fmt::format("      mac: {}\n", quoted(l.mac->to_string()));
    out += fmt::format("      mtu: {}\n      queues: {}\n      offloads: {}\n", l.mtu, l.queues,
                       l.offloads ? "auto" : "off");
    if (!l.addresses.empty()) {
        out += "      addresses:\n";
        for (const IpPrefix& a : l.addresses) out += fmt::format("        - {}\n", quoted(a.to_string()));
    }
    out += bond.members.empty() ? "    members: []\n" : "    members:\n";
    const MemberOptions none;
    for (const MemberConfig& m : bond.members) {
        out += fmt::format("      - device: {}\n        name: {}\n", quoted(m.device), quoted(m.name));
        if (!m.driver.empty() && m.is_pci()) out += fmt::format("        driver: {}\n", quoted(m.driver));
        if (m.force) out += "        force: true\n";
        if (m.carrier.kind == CarrierKind::ethdev) out += "        carrier: ethdev\n";
        if (m.carrier.kind == CarrierKind::netdev)
            out += fmt::format("        carrier: {}\n", quoted("netdev:" + m.carrier.netdev));
        for (const OptionDef& def : option_table()) {
            if (!def.of_member) continue;
            const std::string value = member_option_text(m.options, def);
            if (value != member_option_text(none, def))
                out += fmt::format("        {}: {}\n", def.name, value);
        }
    }
    return out;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "config/dump.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

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

// "a,b" as a list: an IPv6 address that ends in colons would not be read back without quotes.
std::string quoted_list(std::string_view items) {
    std::string out;
    while (!items.empty()) {
        const std::size_t comma = std::min(items.find(','), items.size());
        out += (out.empty() ? "" : ", ") + quoted(std::string(items.substr(0, comma)));
        items.remove_prefix(std::min(comma + 1, items.size()));
    }
    return "[" + out + "]";
}

std::string_view backend_name(LogicalBackend b) {
    constexpr std::string_view names[] = {"auto", "virtio-user", "tap", "device"};
    return names[static_cast<unsigned>(b)];
}

} // namespace

std::string dump_runtime(const RuntimeConfig& r) {
    constexpr std::string_view hugepages[] = {"auto", "always", "never"};
    std::string out = fmt::format("runtime:\n  control_lcore: {}\n  worker_lcores: [{}]\n  idle: {}\n  "
                                  "hugepages: {}\n  memory_mb: {}\n",
                                  r.control_lcore, fmt::join(r.worker_lcores, ", "),
                                  r.idle == Idle::busy ? "busy" : "adaptive",
                                  hugepages[static_cast<unsigned>(r.hugepages)], r.memory_mb);
    const auto text = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) out += fmt::format("  {}: {}\n", key, quoted(value));
    };
    text("file_prefix", r.file_prefix);
    text("socket_group", r.socket_group);
    text("metrics", r.metrics);
    if (r.warm_restart != RuntimeConfig{}.warm_restart)
        out += fmt::format("  warm_restart: {}\n", r.warm_restart);
    if (r.eal_args.empty()) return out;
    std::string args;
    for (const std::string& arg : r.eal_args) args += (args.empty() ? "" : ", ") + quoted(arg);
    return out + "  eal_args: [" + args + "]\n";
}

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
            const bool number =
                def.kind == ValueKind::number && value.find_first_not_of("-0123456789") == std::string::npos;
            out += fmt::format("    {}: {}\n", def.name,
                               list     ? quoted_list(value)
                               : number ? value
                                        : quoted(value));
        }
    }
    if (const ModeSection* own = section_of(bond.mode)) out += own->dump(bond.options);
    const LogicalConfig& l = bond.logical;
    out += fmt::format("    logical:\n      backend: {}\n", backend_name(l.backend));
    if (!l.device.empty()) out += fmt::format("      device: {}\n", quoted(l.device));
    if (l.mac) out += fmt::format("      mac: {}\n", quoted(l.mac->to_string()));
    out += fmt::format("      mtu: {}\n      queues: {}\n      offloads: {}\n", l.mtu, l.queues,
                       l.offloads ? "auto" : "off");
    if (!l.managed) out += "      manage: none\n";
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

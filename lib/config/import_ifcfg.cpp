// SPDX-License-Identifier: BSD-3-Clause
// ifcfg files of RHEL and its like: /etc/sysconfig/network-scripts/ifcfg-NAME, shell assignments.
#include <map>

#include "config/import_foreign.hpp"

namespace dpdkbond {

namespace ifcfg {
namespace {

using Assignments = std::map<std::string, std::string>;

Assignments assignments(const std::string& text) {
    Assignments found;
    for (const std::string& raw : lines_of(text)) {
        const std::string_view line = trimmed(raw);
        const std::size_t equals = line.find('=');
        if (line.empty() || line[0] == '#' || equals == std::string_view::npos) continue;
        std::string_view value = trimmed(line.substr(equals + 1));
        if (!value.empty() && (value[0] == '"' || value[0] == '\'')) {
            const std::size_t end = value.find(value[0], 1);
            value = value.substr(1, end == std::string_view::npos ? end : end - 1);
        } else {
            value = trimmed(value.substr(0, value.find(" #")));
        }
        found[std::string(trimmed(line.substr(0, equals)))] = value;
    }
    return found;
}

std::string value_of(const Assignments& of, const std::string& key) {
    const auto found = of.find(key);
    return found == of.end() ? "" : found->second;
}

std::string device_of(const ForeignFile& file, const Assignments& a) {
    if (const std::string device = value_of(a, "DEVICE"); !device.empty()) return device;
    const std::string name = file.path.filename().string();
    return name.starts_with("ifcfg-") ? name.substr(6) : name;
}

void read_options(ForeignBond& bond, const std::string& options) {
    for (const std::string& word : split(options, " \t")) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            bond.remark("BONDING_OPTS", word);
        else
            bond.set(word.substr(0, equals), word.substr(equals + 1));
    }
}

// IPADDR, IPADDR0, IPADDR1 … with the PREFIX or NETMASK of the same number; IPv6.
void read_addresses(ForeignBond& bond, const Assignments& a) {
    for (const std::string number : {"", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
        const std::string address = value_of(a, "IPADDR" + number), prefix = value_of(a, "PREFIX" + number);
        if (address.empty()) continue;
        bond.addresses.push_back(
            with_length(address, prefix.empty() ? value_of(a, "NETMASK" + number) : prefix));
    }
    for (const char* key : {"IPV6ADDR", "IPV6ADDR_SECONDARIES"})
        for (const std::string& address : split(value_of(a, key), " \t")) bond.addresses.push_back(address);
}

void read_bond(ForeignBond& bond, const Assignments& a) {
    read_options(bond, value_of(a, "BONDING_OPTS"));
    read_addresses(bond, a);
    bond.mac = value_of(a, "MACADDR");
    bond.mtu = value_of(a, "MTU");
    for (const char* key : {"BOOTPROTO", "DHCPV6C", "IPV6_AUTOCONF", "GATEWAY", "IPV6_DEFAULTGW", "DNS1",
                            "DNS2", "DOMAIN", "BRIDGE"}) {
        const std::string value = value_of(a, key);
        if (!value.empty() && value != "none" && value != "static" && value != "no") bond.remark(key, value);
    }
}

Result<ForeignBonds> read(const ForeignFiles& files) {
    ForeignBonds bonds;
    std::map<std::string, std::string> by_uuid;
    for (const ForeignFile& file : files) {
        const Assignments a = assignments(file.text);
        if (value_of(a, "TYPE") != "Bond" && as_switch(value_of(a, "BONDING_MASTER")) != "1" &&
            !a.contains("BONDING_OPTS"))
            continue;
        const std::string device = device_of(file, a);
        if (const std::string uuid = value_of(a, "UUID"); !uuid.empty()) by_uuid[uuid] = device;
        read_bond(bonds.of(device), a);
    }
    for (const ForeignFile& file : files) {
        const Assignments a = assignments(file.text);
        std::string master = value_of(a, "MASTER");
        if (master.empty()) master = value_of(a, "MASTER_UUID");
        if (const auto uuid = by_uuid.find(master); uuid != by_uuid.end()) master = uuid->second;
        const std::string device = device_of(file, a);
        if (!master.empty() && bonds.find(master) != nullptr) bonds.of(master).member(device);
        const std::string physical =
            value_of(a, "PHYSDEV").empty() ? device.substr(0, device.find('.')) : value_of(a, "PHYSDEV");
        if (as_switch(value_of(a, "VLAN")) == "1" && bonds.find(physical) != nullptr)
            bonds.of(physical).remark("a VLAN on top of it", device);
    }
    return bonds;
}

bool is(const ForeignFile& file) {
    const Assignments a = assignments(file.text);
    return file.text.find("\n[") == std::string::npos && !file.text.starts_with("[") &&
           (a.contains("DEVICE") || a.contains("ONBOOT") || a.contains("BONDING_OPTS") ||
            a.contains("MASTER"));
}

bool belongs(const std::filesystem::path& path) { return path.filename().string().starts_with("ifcfg-"); }

} // namespace
} // namespace ifcfg

const ForeignFormat ifcfg_format{"ifcfg", ifcfg::is, ifcfg::read, ifcfg::belongs};

} // namespace dpdkbond

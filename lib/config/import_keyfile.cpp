// SPDX-License-Identifier: BSD-3-Clause
// NetworkManager's keyfiles: /etc/NetworkManager/system-connections/NAME.nmconnection.
#include <map>

#include "config/import_foreign.hpp"

namespace dpdkbond {

namespace keyfile {
namespace {

struct Profile {
    std::vector<IniSection> sections;
    // Of the first of these sections and keys that is there: NetworkManager has given some of them new names.
    [[nodiscard]] std::string value(std::initializer_list<std::string_view> in,
                                    std::initializer_list<std::string_view> keys) const {
        for (const std::string_view name : in)
            for (const IniSection& s : sections)
                for (const std::string_view key : keys)
                    if (s.name == name)
                        if (std::string found = s.value(key); !found.empty()) return found;
        return {};
    }
};

std::string netdev_of(const Profile& p) { return p.value({"connection"}, {"interface-name"}); }

void read_ip(ForeignBond& bond, const IniSection& ip) {
    for (const auto& [key, value] : ip.keys) {
        if (key.starts_with("address")) { // "ADDRESS/LENGTH" or "ADDRESS/LENGTH,GATEWAY"; several with ;
            for (const std::string& one : split(value, ";")) {
                const std::vector<std::string> parts = split(one, ",");
                if (parts.empty()) continue;
                bond.addresses.push_back(parts[0]);
                if (parts.size() > 1) bond.remark(ip.name + " gateway", parts[1]);
            }
        } else if (key == "method" &&
                   (value == "manual" || value == "disabled" || value == "ignore" || value == "link-local")) {
            // what is written stands, nothing is asked for
        } else if (key != "addr-gen-mode" && key != "may-fail") {
            bond.remark(ip.name + " " + key, value);
        }
    }
}

void read_bond(ForeignBond& bond, const Profile& p) {
    for (const IniSection& s : p.sections) {
        if (s.name == "bond") {
            for (const auto& [key, value] : s.keys)
                if (key != "interface-name") bond.set(key, value);
        } else if (s.name == "ipv4" || s.name == "ipv6") {
            read_ip(bond, s);
        } else if (s.name == "ethernet" || s.name == "802-3-ethernet") {
            for (const auto& [key, value] : s.keys) {
                if (key == "cloned-mac-address")
                    bond.mac = value;
                else if (key == "mtu")
                    bond.mtu = value;
                else
                    bond.remark(s.name + " " + key, value);
            }
        }
    }
}

Result<ForeignBonds> read(const ForeignFiles& files) {
    ForeignBonds bonds;
    std::map<std::string, std::string> by_uuid; // … and by the profile's name
    std::vector<Profile> profiles;
    for (const ForeignFile& file : files) profiles.push_back({read_ini(file.text)});
    for (const Profile& p : profiles) {
        if (p.value({"connection"}, {"type"}) != "bond") continue;
        std::string name = netdev_of(p);
        if (name.empty()) name = p.value({"bond"}, {"interface-name"});
        if (name.empty()) name = p.value({"connection"}, {"id"});
        for (const char* key : {"uuid", "id"})
            if (std::string text = p.value({"connection"}, {key}); !text.empty()) by_uuid[text] = name;
        read_bond(bonds.of(name), p);
    }
    for (const Profile& p : profiles) {
        std::string controller = p.value({"connection"}, {"controller", "master"});
        if (controller.empty()) controller = p.value({"vlan"}, {"parent"});
        if (const auto uuid = by_uuid.find(controller); uuid != by_uuid.end()) controller = uuid->second;
        if (controller.empty() || bonds.find(controller) == nullptr) continue;
        ForeignBond& bond = bonds.of(controller);
        const std::string netdev = netdev_of(p),
                          mac = p.value({"ethernet", "802-3-ethernet"}, {"mac-address"});
        if (p.value({"connection"}, {"type"}) == "vlan") {
            bond.remark("a VLAN on top of it", netdev.empty() ? p.value({"connection"}, {"id"}) : netdev);
        } else if (netdev.empty()) {
            bond.remark("a member without interface-name",
                        mac.empty() ? p.value({"connection"}, {"id"}) : mac);
        } else {
            ForeignMember& member = bond.member(netdev);
            for (const auto& [key, option] : {std::pair{"queue-id", "queue_id"}, std::pair{"prio", "prio"}})
                if (const std::string value = p.value({"bond-port"}, {key}); !value.empty())
                    member.options.emplace_back(option, value);
        }
    }
    return bonds;
}

bool is(const ForeignFile& file) { return has_section(read_ini(file.text), "connection"); }

bool belongs(const std::filesystem::path& path) {
    return path.extension() == ".nmconnection" || path.extension().empty();
}

} // namespace
} // namespace keyfile

const ForeignFormat keyfile_format{"NetworkManager", keyfile::is, keyfile::read, keyfile::belongs};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// systemd-networkd: .netdev files make the bonds, .network files give them members and addresses.
#include <algorithm>

#include "config/import_foreign.hpp"

namespace dpdkbond {

namespace networkd {
namespace {

enum class Kind { plain, milliseconds, seconds, on_off, list };

struct Setting {
    std::string_view networkd, linux;
    Kind kind = Kind::plain;
};
constexpr Setting kSettings[] = {
    // of [Bond]; a number without unit is in seconds
    {"Mode", "mode"},
    {"TransmitHashPolicy", "xmit_hash_policy"},
    {"LACPTransmitRate", "lacp_rate"},
    {"MIIMonitorSec", "miimon", Kind::milliseconds},
    {"UpDelaySec", "updelay", Kind::milliseconds},
    {"DownDelaySec", "downdelay", Kind::milliseconds},
    {"PeerNotifyDelaySec", "peer_notif_delay", Kind::milliseconds},
    {"LearnPacketIntervalSec", "lp_interval", Kind::seconds},
    {"AdSelect", "ad_select"},
    {"AdActorSystemPriority", "ad_actor_sys_prio"},
    {"AdUserPortKey", "ad_user_port_key"},
    {"AdActorSystem", "ad_actor_system"},
    {"FailOverMACPolicy", "fail_over_mac"},
    {"ARPValidate", "arp_validate"},
    {"ARPIntervalSec", "arp_interval", Kind::milliseconds},
    {"ARPIPTargets", "arp_ip_target", Kind::list},
    {"ARPAllTargets", "arp_all_targets"},
    {"ARPMissedMax", "arp_missed_max"},
    {"PrimaryReselectPolicy", "primary_reselect"},
    {"ResendIGMP", "resend_igmp"},
    {"PacketsPerSlave", "packets_per_slave"},
    {"GratuitousARP", "num_grat_arp"},
    {"AllSlavesActive", "all_slaves_active", Kind::on_off},
    {"DynamicTransmitLoadBalancing", "tlb_dynamic_lb", Kind::on_off},
    {"MinLinks", "min_links"},
};

std::string value_for(const Setting& setting, const std::string& value) {
    switch (setting.kind) {
    case Kind::plain: return value;
    case Kind::milliseconds: return in_milliseconds(value, 1000);
    case Kind::seconds: {
        const std::string ms = in_milliseconds(value, 1000);
        return ms.size() > 3 && ms.ends_with("000") ? ms.substr(0, ms.size() - 3) : value;
    }
    case Kind::on_off: return as_switch(value);
    case Kind::list: {
        std::string list;
        for (const std::string& item : split(value, " ,")) list += (list.empty() ? "" : ",") + item;
        return list;
    }
    }
    return value;
}

void read_netdev(ForeignBonds& bonds, const std::vector<IniSection>& sections) {
    std::string name;
    for (const IniSection& s : sections)
        if (s.name == "NetDev" && s.value("Kind") == "bond") name = s.value("Name");
    if (name.empty()) return;
    ForeignBond& bond = bonds.of(name);
    for (const IniSection& s : sections) {
        for (const auto& [key, value] : s.keys) {
            const auto* known = std::ranges::find(kSettings, key, &Setting::networkd);
            if (s.name == "Bond" && known != std::end(kSettings))
                bond.set(known->linux, value_for(*known, value));
            else if (s.name == "Bond")
                bond.remark(key, value);
            else if (s.name == "NetDev" && key == "MACAddress" && value != "none")
                bond.mac = value;
            else if (s.name == "NetDev" && key == "MTUBytes")
                bond.mtu = value;
        }
    }
}

bool says_yes(const std::vector<IniSection>& sections, std::string_view key) {
    for (const IniSection& s : sections)
        if (s.name == "Network" && as_switch(s.value(key)) == "1") return true;
    return false;
}

void read_members(ForeignBonds& bonds, const std::string& bond_name, const std::string& netdev,
                  const std::vector<IniSection>& sections) {
    ForeignBond& bond = bonds.of(bond_name);
    if (netdev.find_first_of("*?[!") != std::string::npos) {
        bond.remark("members that a pattern names", netdev);
        return;
    }
    bond.member(netdev);
    if (says_yes(sections, "PrimarySlave")) bond.set("primary", netdev);
    if (says_yes(sections, "ActiveSlave")) bond.set("active_slave", netdev);
}

// The .network file of the bond itself.
void read_addresses(ForeignBond& bond, const std::vector<IniSection>& sections) {
    for (const IniSection& s : sections) {
        if (s.name == "Match") continue;
        for (const auto& [key, value] : s.keys) {
            if (key == "Address" && (s.name == "Network" || s.name == "Address"))
                bond.addresses.push_back(value);
            else if (s.name == "Link" && key == "MTUBytes")
                bond.mtu = value;
            else if (s.name == "Link" && key == "MACAddress")
                bond.mac = value;
            else if (!(key == "DHCP" && as_switch(value) == "0") && !(key == "LinkLocalAddressing"))
                bond.remark(s.name + " " + key, value);
        }
    }
}

Result<ForeignBonds> read(const ForeignFiles& files) {
    ForeignBonds bonds;
    for (const ForeignFile& file : files) read_netdev(bonds, read_ini(file.text));
    for (const ForeignFile& file : files) {
        const auto sections = read_ini(file.text);
        std::string of, bond;
        for (const IniSection& s : sections) {
            if (s.name == "Match") of += " " + s.value("Name");
            if (s.name == "Network" && !s.value("Bond").empty()) bond = s.value("Bond");
        }
        const std::vector<std::string> names = split(of, " \t");
        if (!bond.empty() && names.empty())
            bonds.of(bond).remark("members that no Name= tells", file.path.filename().string());
        for (const std::string& name : names) {
            if (!bond.empty()) // a .netdev file may be missing, or lie elsewhere
                read_members(bonds, bond, name, sections);
            else if (bonds.find(name) != nullptr)
                read_addresses(bonds.of(name), sections);
        }
    }
    return bonds;
}

bool is(const ForeignFile& file) {
    const auto sections = read_ini(file.text);
    return has_section(sections, "NetDev") ||
           (has_section(sections, "Match") && has_section(sections, "Network"));
}

bool belongs(const std::filesystem::path& path) {
    return path.extension() == ".netdev" || path.extension() == ".network";
}

} // namespace
} // namespace networkd

const ForeignFormat networkd_format{"networkd", networkd::is, networkd::read, networkd::belongs};

} // namespace dpdkbond

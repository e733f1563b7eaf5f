// SPDX-License-Identifier: BSD-3-Clause
// netplan: YAML files, by default in /etc/netplan, that add to one another.
#include <algorithm>

#include <yaml-cpp/yaml.h>

#include "config/import_foreign.hpp"

namespace dpdkbond {

namespace netplan {
namespace {

struct Parameter {
    std::string_view netplan, linux;
    double unit = 0; // a time: milliseconds a number without unit stands for
};
constexpr Parameter kParameters[] = {
    {"mode", "mode"},
    {"mii-monitor-interval", "miimon", 1},
    {"up-delay", "updelay", 1},
    {"down-delay", "downdelay", 1},
    {"transmit-hash-policy", "xmit_hash_policy"},
    {"lacp-rate", "lacp_rate"},
    {"ad-select", "ad_select"},
    {"min-links", "min_links"},
    {"primary", "primary"},
    {"primary-reselect-policy", "primary_reselect"},
    {"fail-over-mac-policy", "fail_over_mac"},
    {"arp-interval", "arp_interval", 1},
    {"arp-ip-targets", "arp_ip_target"},
    {"arp-validate", "arp_validate"},
    {"arp-all-targets", "arp_all_targets"},
    {"gratuitous-arp", "num_grat_arp"},
    {"gratuitious-arp", "num_grat_arp"}, // as older releases spelt it
    {"packets-per-member", "packets_per_slave"},
    {"packets-per-slave", "packets_per_slave"},
    {"all-members-active", "all_slaves_active"},
    {"all-slaves-active", "all_slaves_active"},
    {"resend-igmp", "resend_igmp"},
    {"learn-packet-interval", "lp_interval"},
};

// A list, or what else it is, on one line.
std::string one_line(const YAML::Node& node) {
    if (node.IsScalar()) return node.Scalar();
    YAML::Emitter out;
    out << YAML::Flow << node;
    return out.c_str();
}

void read_parameters(ForeignBond& bond, const YAML::Node& parameters) {
    for (const auto& entry : parameters) {
        const std::string key = entry.first.Scalar();
        const auto* known = std::ranges::find(kParameters, key, &Parameter::netplan);
        if (known == std::end(kParameters)) {
            bond.remark(key, one_line(entry.second));
            continue;
        }
        std::string value = entry.second.IsScalar() ? entry.second.Scalar() : "";
        for (const auto& item : entry.second.IsSequence() ? entry.second : YAML::Node())
            value += (value.empty() ? "" : ",") + item.Scalar();
        if (known->unit != 0) value = in_milliseconds(value, known->unit);
        bond.set(known->linux, known->linux == "all_slaves_active" ? as_switch(value) : value);
    }
}

void read_addresses(ForeignBond& bond, const YAML::Node& addresses) {
    for (const auto& item : addresses) { // an address, or a mapping of one to what is said of it
        if (item.IsScalar()) {
            bond.addresses.push_back(item.Scalar());
            continue;
        }
        for (const auto& entry : item) {
            bond.addresses.push_back(entry.first.Scalar());
            bond.remark("addresses: " + entry.first.Scalar(), one_line(entry.second));
        }
    }
}

void read_bond(ForeignBond& bond, const YAML::Node& node) {
    for (const auto& entry : node) {
        const std::string key = entry.first.Scalar();
        const YAML::Node& value = entry.second;
        if (key == "interfaces") {
            for (const auto& netdev : value) bond.member(netdev.Scalar());
        } else if (key == "parameters") {
            read_parameters(bond, value);
        } else if (key == "addresses") {
            read_addresses(bond, value);
        } else if (key == "macaddress") {
            bond.mac = value.Scalar();
        } else if (key == "mtu") {
            bond.mtu = value.Scalar();
        } else if ((key == "dhcp4" || key == "dhcp6") && as_switch(value.Scalar()) == "0") {
            // nothing is asked for
        } else {
            bond.remark(key, one_line(value));
        }
    }
}

Result<ForeignBonds> read(const ForeignFiles& files) {
    ForeignBonds bonds;
    for (const ForeignFile& file : files) {
        try {
            const YAML::Node root = YAML::Load(file.text)["network"];
            for (const auto& entry : root["bonds"]) read_bond(bonds.of(entry.first.Scalar()), entry.second);
            for (const auto& entry : root["vlans"])
                if (const YAML::Node link = entry.second["link"];
                    link && bonds.find(link.Scalar()) != nullptr)
                    bonds.of(link.Scalar()).remark("a VLAN on top of it", entry.first.Scalar());
        } catch (const YAML::Exception& error) {
            return Error{file.path.string() + ": not netplan: " + error.msg};
        }
    }
    return bonds;
}

bool is(const ForeignFile& file) {
    for (const std::string& line : lines_of(file.text))
        if (line.starts_with("network:")) return true;
    return false;
}

bool belongs(const std::filesystem::path& path) {
    return path.extension() == ".yaml" || path.extension() == ".yml";
}

} // namespace
} // namespace netplan

const ForeignFormat netplan_format{"netplan", netplan::is, netplan::read, netplan::belongs};

} // namespace dpdkbond

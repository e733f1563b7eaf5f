// SPDX-License-Identifier: BSD-3-Clause
#include "host/groups.hpp"

#include <cstring>
#include <sstream>

#include "host/files.hpp"

namespace dpdkbond {

namespace {

constexpr Ipv4 kAllHosts{{224, 0, 0, 1}};
constexpr unsigned kNotReported = 0x08; // the kernel's MAF_NOREPORT

// Index, device, count and version of the querier; below it, indented, its groups:
// 4  bond0     :     2      V3
//        010000E0     1 0:00000000  0
void parse_igmp(std::string_view text, GroupsByDevice& groups) {
    std::istringstream lines{std::string(text)};
    JoinedGroups* device = nullptr;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string first, name, colon, count, version;
        words >> first;
        if (!line.empty() && line[0] != '\t') {
            device = nullptr;
            if (!(words >> name >> colon)) continue;
            if (name.back() == ':')
                name.pop_back();
            else if (colon == ":")
                words >> colon; // the count, then
            words >> version;
            if (version.size() != 2 || version[0] != 'V' || version[1] < '1' || version[1] > '3') continue;
            device = &groups[name];
            device->igmp = static_cast<unsigned>(version[1] - '0');
            continue;
        }
        char* end = nullptr;
        const auto raw = static_cast<std::uint32_t>(std::strtoul(first.c_str(), &end, 16));
        if (device == nullptr || first.size() != 8 || *end != '\0') continue;
        Ipv4 group;
        std::memcpy(group.bytes.data(), &raw, sizeof raw); // printed as a word of this machine
        if (group != kAllHosts) device->v4.push_back(group);
    }
}

// "4    bond0           ff020000000000000000000000000001     1 0000000C 0": index, device, group, users,
// flags.
void parse_igmp6(std::string_view text, GroupsByDevice& groups) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string index, name, address, users, flags;
        if (!(words >> index >> name >> address >> users >> flags) || address.size() != 32) continue;
        if ((std::strtoul(flags.c_str(), nullptr, 16) & kNotReported) != 0) continue;
        Ipv6 group;
        for (std::size_t i = 0; i < group.bytes.size(); ++i)
            group.bytes[i] =
                static_cast<std::uint8_t>(std::strtoul(address.substr(2 * i, 2).c_str(), nullptr, 16));
        groups[name].v6.push_back(group);
    }
}

} // namespace

GroupsByDevice parse_joined_groups(std::string_view igmp, std::string_view igmp6) {
    GroupsByDevice groups;
    parse_igmp(igmp, groups);
    parse_igmp6(igmp6, groups);
    return groups;
}

GroupsByDevice joined_groups() {
    return parse_joined_groups(read_text("/proc/thread-self/net/igmp").value_or(""),
                               read_text("/proc/thread-self/net/igmp6").value_or(""));
}

} // namespace dpdkbond

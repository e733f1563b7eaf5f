// SPDX-License-Identifier: BSD-3-Clause
#include "config/import_surroundings.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "base/ip.hpp"

namespace dpdkbond {

namespace {

namespace fs = std::filesystem;

// Flags of the kernel's lists: RTF_UP, RTF_GATEWAY and, of IPv6, those of routes that come by themselves
// (RTF_DEFAULT … RTF_ADDRCONF, RTF_CACHE, RTF_LOCAL, RTF_ANYCAST); IFA_F_PERMANENT.
constexpr std::uint32_t kRouteUp = 1, kGateway = 2,
                        kByItself = 0x00010000 | 0x00040000 | 0x01000000 | 0x80000000 | 0x00100000;
constexpr std::uint32_t kPermanent = 0x80;

std::vector<std::vector<std::string>> table(const fs::path& path) {
    std::vector<std::vector<std::string>> rows;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream stream(line);
        rows.emplace_back(std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>());
    }
    return rows;
}

std::optional<std::uint32_t> hex(const std::string& text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

// The number that /proc/net/route prints: the bytes of the address as they lie in memory.
std::string ipv4_of(std::uint32_t in_memory) {
    Ipv4 ip;
    for (unsigned i = 0; i < 4; ++i) ip.bytes[i] = static_cast<std::uint8_t>(in_memory >> 8U * i);
    return ip.to_string();
}

std::optional<Ipv6> ipv6_of(const std::string& text) {
    Ipv6 ip;
    if (text.size() != 32) return std::nullopt;
    for (std::size_t i = 0; i < 16; ++i) {
        const auto byte = hex(text.substr(2 * i, 2));
        if (!byte) return std::nullopt;
        ip.bytes[i] = static_cast<std::uint8_t>(*byte);
    }
    return ip;
}

std::string device_type(const fs::path& netdev) {
    std::ifstream file(netdev / "uevent");
    for (std::string line; std::getline(file, line);)
        if (line.rfind("DEVTYPE=", 0) == 0) return line.substr(8);
    return {};
}

void add_metric(std::string& route, std::uint32_t metric, std::uint32_t usual) {
    if (metric != usual) route += " metric " + std::to_string(metric);
}

} // namespace

std::vector<std::string> devices_on(const std::string& dev, const fs::path& sysfs) {
    std::vector<std::string> names;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(sysfs / dev, error)) {
        const std::string file = entry.path().filename().string();
        if (file.rfind("upper_", 0) != 0) continue;
        const std::string name = file.substr(6), type = device_type(sysfs / name);
        names.push_back(type.empty() ? name : name + " (" + type + ")");
    }
    std::ranges::sort(names);
    return names;
}

std::vector<std::string> routes_by(const std::string& dev, const fs::path& proc) {
    std::vector<std::string> routes;
    for (const auto& row : table(proc / "net" / "route")) {
        if (row.size() < 8 || row[0] != dev) continue;
        const auto to = hex(row[1]), gateway = hex(row[2]), flags = hex(row[3]), mask = hex(row[7]);
        if (!to || !gateway || !flags || !mask || (*flags & kRouteUp) == 0) continue;
        if ((*flags & kGateway) == 0 && *mask != 0) continue; // most likely that of an address
        std::string route =
            *mask == 0 ? "default" : ipv4_of(*to) + "/" + std::to_string(std::popcount(*mask));
        if ((*flags & kGateway) != 0) route += " via " + ipv4_of(*gateway);
        std::uint32_t metric = 0;
        std::from_chars(row[6].data(), row[6].data() + row[6].size(), metric);
        add_metric(route, metric, 0);
        routes.push_back(route);
    }
    for (const auto& row : table(proc / "net" / "ipv6_route")) {
        if (row.size() < 10 || row[9] != dev) continue;
        const auto to = ipv6_of(row[0]), gateway = ipv6_of(row[4]);
        const auto length = hex(row[1]), metric = hex(row[5]), flags = hex(row[8]);
        if (!to || !gateway || !length || !metric || !flags || (*flags & kRouteUp) == 0 ||
            (*flags & kByItself) != 0)
            continue;
        if ((*flags & kGateway) == 0) continue;
        std::string route = *length == 0 ? "default" : to->to_string() + "/" + std::to_string(*length);
        route += " via " + gateway->to_string();
        add_metric(route, *metric, 1024);
        routes.push_back(route);
    }
    return routes;
}

std::set<std::string> passing_addresses(const std::string& dev, const fs::path& proc) {
    std::set<std::string> found;
    for (const auto& row : table(proc / "net" / "if_inet6")) {
        if (row.size() < 6 || row[5] != dev) continue;
        const auto address = ipv6_of(row[0]);
        const auto flags = hex(row[4]);
        if (address && flags && (*flags & kPermanent) == 0) found.insert(address->to_string());
    }
    return found;
}

} // namespace dpdkbond

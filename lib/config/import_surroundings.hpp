// SPDX-License-Identifier: BSD-3-Clause
// What lies around a bond of the kernel and ends with it: what is stacked on it, routes by it. For comments
// of the import.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace dpdkbond {

// Devices with `dev` below them: "bond0.10 (vlan)". `sysfs`: /sys/class/net.
std::vector<std::string> devices_on(const std::string& dev, const std::filesystem::path& sysfs);

// The arguments of `ip route add` for the routes by `dev` that its addresses do not bring along: "default via
// 192.0.2.254". `proc`: /proc.
std::vector<std::string> routes_by(const std::string& dev, const std::filesystem::path& proc);

// Its IPv6 addresses ("2001:db8::1") that a router's advertisement or a lease gave it.
std::set<std::string> passing_addresses(const std::string& dev, const std::filesystem::path& proc);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The configuration that stands for the bonds that files of netplan, ifcfg, NetworkManager, systemd-networkd
// or ifupdown describe. Ordinary threads; touches nothing.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace dpdkbond {

// `path`: a folder, or a file, whose folder is then read too where the system has a file for each interface.
// Which system it is, the content says. `bond`: that one alone; empty: all. The answer is YAML that
// load_config() takes; what cannot be taken over stands there as a comment. Members that are PCI devices of
// this machine
// (`sysfs_root`) are named by their address, others by their netdev. The error is one line.
Result<std::string> import_files(const std::string& path, const std::string& bond = {},
                                 const std::string& sysfs_root = "/sys/class/net");

// The first `most` bytes of a file; nullopt: it cannot be read, or the kernel refuses to tell (files of
// /sys).
std::optional<std::string> read_at_most(const std::filesystem::path& path, std::size_t most);

// The PCI address of a netdev's device, nullopt: it has none; whether its driver has to stay bound below
// DPDK.
struct MemberNic {
    std::string address;
    bool keeps_driver = false;
};
std::optional<MemberNic> member_nic_of(const std::string& netdev, const std::string& sysfs_root);

} // namespace dpdkbond

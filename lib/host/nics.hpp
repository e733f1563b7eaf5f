// SPDX-License-Identifier: BSD-3-Clause
// The NICs of this machine, for an operator who is about to choose members. Ordinary threads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/pci.hpp"

namespace dpdkbond {

struct Nic {
    PciDevice pci;
    std::string model;            // "Intel Corporation 82574L Gigabit Network Connection", or "8086:10d3"
    std::uint32_t speed_mbps = 0; // 0: unknown
    std::vector<std::string> group_mates; // what stands in the way of VFIO, see PciBus::group_blockers()
    std::string in_use;                   // why it is not free; empty: it is
};

std::vector<Nic> list_nics(const PciBus& bus);
// A table, a line a NIC; a line of words when there is none.
std::string nics_text(const std::vector<Nic>& nics);
std::string nics_json(const std::vector<Nic>& nics);

// Vendor and device by name, from the first of `databases` (in the format of pci.ids) that can be read; what
// it does not know is told by number.
std::string pci_model(std::uint16_t vendor, std::uint16_t device,
                      const std::vector<std::filesystem::path>& databases = {
                          "/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"});

} // namespace dpdkbond

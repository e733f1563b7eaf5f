// SPDX-License-Identifier: BSD-3-Clause
#include "host/nics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <fstream>

#include "host/link_speed.hpp"

namespace dpdkbond {

namespace {

// "8086  Intel Corporation": the name, when the line is about this number.
std::optional<std::string> name_in(std::string_view line, const std::string& number) {
    if (!line.starts_with(number + "  ")) return std::nullopt;
    return std::string(line.substr(number.size() + 2));
}

std::string link_text(const Nic& nic) {
    if (!nic.pci.link_up) return "-";
    if (!*nic.pci.link_up) return "down";
    return nic.speed_mbps != 0 ? fmt::format("up {}", nic.speed_mbps) : "up";
}

std::string group_text(const Nic& nic) {
    if (!nic.pci.iommu_group) return "-";
    return fmt::format("{}{}", *nic.pci.iommu_group, nic.group_mates.empty() ? "" : "*");
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

} // namespace

std::string pci_model(std::uint16_t vendor, std::uint16_t device,
                      const std::vector<std::filesystem::path>& databases) {
    const std::string vendor_id = fmt::format("{:04x}", vendor);
    const std::string device_id = fmt::format("{:04x}", device);
    for (const auto& database : databases) {
        std::ifstream file(database);
        if (!file) continue;
        std::optional<std::string> maker;
        for (std::string line; std::getline(file, line);) {
            if (line.empty() || line[0] == '#') continue;
            if (line[0] != '\t') {
                if (maker) break; // the next vendor's devices
                maker = name_in(line, vendor_id);
            } else if (maker && line[1] != '\t') {
                if (const auto model = name_in(std::string_view(line).substr(1), device_id))
                    return *maker + " " + *model;
            }
        }
        if (maker) return *maker + " " + device_id;
        break;
    }
    return vendor_id + ":" + device_id;
}

std::vector<Nic> list_nics(const PciBus& bus) {
    std::vector<Nic> nics;
    for (PciDevice& device : bus.network_devices()) {
        Nic nic;
        nic.model = pci_model(device.vendor_id, device.device_id);
        nic.group_mates = bus.group_blockers(device.address);
        if (device.link_up.value_or(false)) nic.speed_mbps = link_speed(device.netdevs.front()).mbps;
        if (bus.is_lent(device.address)) {
            nic.in_use = "a running dpdk-bond has it";
        } else if (const auto used = bus.in_use(device.address); used && used.value()) {
            nic.in_use = *used.value();
        }
        nic.pci = std::move(device);
        nics.push_back(std::move(nic));
    }
    return nics;
}

std::string nics_text(const std::vector<Nic>& nics) {
    if (nics.empty()) return "this machine has no PCI network devices\n";
    std::vector<std::array<std::string, 8>> rows{
        {"ADDRESS", "DRIVER", "GROUP", "NODE", "LINK", "NETDEV", "IN USE", "MODEL"}};
    for (const Nic& n : nics)
        rows.push_back({n.pci.address.to_string(), or_dash(n.pci.driver), group_text(n),
                        n.pci.numa_node < 0 ? "-" : std::to_string(n.pci.numa_node), link_text(n),
                        or_dash(fmt::format("{}", fmt::join(n.pci.netdevs, ","))), or_dash(n.in_use),
                        n.model});
    std::array<std::size_t, 8> width{};
    for (const auto& row : rows)
        for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c) line += fmt::format("{:<{}}  ", row[c], width[c]);
        text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    for (const Nic& n : nics)
        if (!n.group_mates.empty())
            text +=
                fmt::format("* IOMMU group {} of {} also has {}: vfio-pci takes a group only as a whole\n",
                            *n.pci.iommu_group, n.pci.address.to_string(), fmt::join(n.group_mates, ", "));
    return text;
}

std::string nics_json(const std::vector<Nic>& nics) {
    using Json = nlohmann::ordered_json;
    Json list = Json::array();
    for (const Nic& n : nics) {
        Json j;
        j["address"] = n.pci.address.to_string();
        j["vendor_id"] = n.pci.vendor_id;
        j["device_id"] = n.pci.device_id;
        j["model"] = n.model;
        j["driver"] = n.pci.driver.empty() ? Json() : Json(n.pci.driver);
        j["iommu_group"] = n.pci.iommu_group ? Json(*n.pci.iommu_group) : Json();
        j["group_blockers"] = n.group_mates;
        j["numa_node"] = n.pci.numa_node < 0 ? Json() : Json(n.pci.numa_node);
        j["netdevs"] = n.pci.netdevs;
        j["link_up"] = n.pci.link_up ? Json(*n.pci.link_up) : Json();
        j["speed_mbps"] = n.speed_mbps != 0 ? Json(n.speed_mbps) : Json();
        j["in_use"] = n.in_use.empty() ? Json() : Json(n.in_use);
        list.push_back(std::move(j));
    }
    return list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "ports/pci_shelf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "host/kernel_module.hpp"

namespace dpdkbond {

namespace {

constexpr const char* kVfio = "vfio-pci";
constexpr const char* kUio = "uio_pci_generic";

// Kernel drivers that DPDK's own works beside, through their verbs.
bool is_bifurcated(const std::string& driver) {
    constexpr std::array<std::string_view, 3> kDrivers = {"mlx4_core", "mlx5_core", "mana"};
    return std::ranges::find(kDrivers, driver) != kDrivers.end();
}

} // namespace

std::optional<PciAddress> pci_address_of(const MemberConfig& member) {
    return member.is_pci() ? PciAddress::parse(devargs_head(member.device)) : std::nullopt;
}

PciShelf::PciShelf() : bus_("/sys", PciHooks::real(), kLentNotes) {}

void PciShelf::prepare() {
    std::error_code none;
    const std::filesystem::directory_iterator groups("/sys/kernel/iommu_groups", none);
    if (!none && groups != std::filesystem::directory_iterator()) load_module(kVfio);
}

void PciShelf::find_leftovers(bool warm) {
    warm_ = warm;
    for (PciBinding& binding : bus_.leftovers()) {
        const PciAddress address = binding.address();
        left_.emplace(address, std::move(binding));
    }
}

std::vector<std::string> PciShelf::give_back_leftovers() {
    std::vector<std::string> lines;
    for (auto& [address, binding] : left_) {
        const auto done = binding.restore();
        lines.push_back(
            done ? fmt::format("{}: given back to {}; {} had left it with {}", address.to_string(),
                               binding.former_driver().empty() ? "no driver" : binding.former_driver(),
                               who_left(), binding.driver())
                 : fmt::format("{}: left by {}: {}", address.to_string(), who_left(), done.error()));
    }
    left_.clear();
    return lines;
}

void PciShelf::plan(const Config& config) {
    planned_.clear();
    for (const BondConfig& b : config.bonds)
        for (const MemberConfig& m : b.members)
            if (const auto address = pci_address_of(m); address && m.driver != "none")
                planned_.insert(*address);
}

Result<PciBinding> PciShelf::bind(const PciDevice& device, const MemberConfig& member,
                                  std::vector<std::string>& warnings) {
    const std::string driver = member.driver.empty() ? kVfio : member.driver;
    auto bound = bus_.bind(device.address, driver, planned_);
    if (bound || !member.driver.empty() || device.iommu_group) return bound;
    auto fallback = bus_.bind(device.address, kUio);
    if (!fallback) return Error{bound.error() + "; and " + fallback.error()};
    warnings.push_back(fmt::format("member {}: {}; {} serves instead: nothing keeps the device from writing "
                                   "anywhere in memory",
                                   member.name, bound.error(), kUio));
    return fallback;
}

Result<void> PciShelf::take(const MemberConfig& member, std::vector<std::string>& warnings) {
    const auto address = pci_address_of(member);
    if (!address || taken_.contains(*address)) return {};
    const auto fail = [](const std::string& why) { return Error{why}; };

    if (const auto left = left_.find(*address); left != left_.end()) {
        const bool fits = member.driver.empty()
                              ? left->second.driver() == kVfio || left->second.driver() == kUio
                              : left->second.driver() == member.driver;
        if (fits && bus_.driver_of(*address) == left->second.driver()) {
            if (!warm_)
                warnings.push_back(fmt::format("member {}: {} had left it with {}; it will go back to {}",
                                               member.name, who_left(), left->second.driver(),
                                               left->second.former_driver()));
            taken_.emplace(*address, std::move(left->second));
            left_.erase(left);
            return {};
        }
        auto restored = left->second.restore();
        left_.erase(left);
        if (!restored) return fail(restored.error());
    }
    const auto device = bus_.device(*address);
    if (!device) return fail(device.error());
    if (bus_.is_lent(*address)) return fail(address->to_string() + " is in the hands of a running dpdk-bond");
    const auto used = bus_.in_use(*address);
    if (!used) return fail(used.error());
    if (used.value() && !member.force)
        return fail(*used.value() + "; free it, or say force: true to take it all the same");
    if (member.driver == "none") return {};
    if (is_bifurcated(device.value().driver)) {
        if (!member.driver.empty())
            warnings.push_back(fmt::format("member {}: it stays with {}, which DPDK's driver works beside",
                                           member.name, device.value().driver));
        return {};
    }
    auto bound = bind(device.value(), member, warnings);
    if (!bound) return fail(bound.error());
    taken_.emplace(*address, std::move(bound).value());
    return {};
}

void PciShelf::give_back(const MemberConfig& member) {
    if (const auto address = pci_address_of(member)) taken_.erase(*address);
}

Mac PciShelf::own_mac(const MemberConfig& member, const Mac& says) {
    const auto address = pci_address_of(member);
    const auto taken = address ? taken_.find(*address) : taken_.end();
    if (taken == taken_.end()) return says;
    if (taken->second.own_mac().is_zero()) taken->second.note_own_mac(says);
    return taken->second.own_mac();
}

bool PciShelf::writes_anywhere(const MemberConfig& member) const {
    const auto address = pci_address_of(member);
    if (!address) return false;
    const std::string driver = bus_.driver_of(*address);
    if (driver == kUio || driver == "igb_uio") return true;
    std::ifstream group("/sys/bus/pci/devices/" + address->to_string() + "/iommu_group/name");
    std::string name;
    return driver == kVfio && group >> name && name == "vfio-noiommu";
}

void PciShelf::keep_only(const std::set<PciAddress>& used) {
    std::erase_if(taken_, [&](const auto& entry) { return !used.contains(entry.first); });
}

std::vector<std::string> PciShelf::give_back_all() {
    std::vector<std::string> lines = give_back_leftovers();
    for (auto& [address, binding] : taken_)
        if (auto done = binding.restore(); !done)
            lines.push_back(fmt::format("{}: not given back: {}", address.to_string(), done.error()));
    taken_.clear();
    return lines;
}

} // namespace dpdkbond

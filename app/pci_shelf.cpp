// SPDX-License-Identifier: BSD-3-Clause
#include "app/pci_shelf.hpp"

#include <fmt/format.h>

namespace dpdkbond {

Result<void> PciShelf::take(const MemberConfig& member, std::vector<std::string>& warnings) {
    const auto address = PciAddress::parse(member.device.substr(0, member.device.find(',')));
    if (!member.is_pci() || !address || member.driver == "none" || taken_.contains(*address)) return {};
    const auto fail = [&](const std::string& why) {
        return Error{fmt::format("member {}: {}", member.name, why)};
    };

    const auto used = bus_.in_use(*address);
    if (!used) return fail(used.error());
    if (used.value() && !member.force)
        return fail(*used.value() + "; free it, or say force: true to take it all the same");
    const std::string driver = member.driver.empty() ? "vfio-pci" : member.driver;
    auto bound = bus_.bind(*address, driver);
    if (!bound && member.driver.empty()) {
        auto fallback = bus_.bind(*address, "uio_pci_generic");
        if (fallback)
            warnings.push_back(
                fmt::format("member {}: {}; uio_pci_generic serves instead: nothing keeps the device from "
                            "writing anywhere in memory",
                            member.name, bound.error()));
        if (fallback) bound = std::move(fallback);
    }
    if (!bound) return fail(bound.error());
    taken_.emplace(*address, std::move(bound).value());
    return {};
}

void PciShelf::give_back(const MemberConfig& member) {
    if (const auto address = PciAddress::parse(member.device.substr(0, member.device.find(','))))
        taken_.erase(*address);
}

void PciShelf::give_back_all() {
    while (!taken_.empty()) taken_.erase(taken_.begin());
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The PCI devices that this program has taken from their kernel drivers, each given back when its member is
// gone, those of an instance that died by the next that starts. Ordinary threads, one at a time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "host/pci.hpp"
#include "options/model.hpp"

namespace dpdkbond {

class PciShelf {
public:
    PciShelf();

    // Before the EAL starts, which looks for VFIO then and never again: a NIC may join later.
    void prepare();
    // Before the first take(): what instances that died still hold is ours now; `warm`: what the instance
    // before left for this one.
    void find_leftovers(bool warm = false);
    // After the last take() of the start: devices that were not taken are given back. A line for each.
    std::vector<std::string> give_back_leftovers();
    // The devices that a configuration names: they may share an IOMMU group with one another.
    void plan(const Config& config);
    // Binds the member's device to the driver it names (default vfio-pci; without an IOMMU uio_pci_generic,
    // with a warning). A device in use (address, route, master) is refused unless the member says force. One
    // whose DPDK driver works beside the kernel's (mlx5) stays with it. Members that are no PCI devices, have
    // driver `none`, or are taken already are no business of this.
    Result<void> take(const MemberConfig& member, std::vector<std::string>& warnings);
    void give_back(const MemberConfig& member); // after its port was closed
    // The own MAC of a member's device, which says that it is `says`: that, but for one that an instance
    // before has left wearing another.
    Mac own_mac(const MemberConfig& member, const Mac& says);
    // Nothing keeps the member's device from writing into memory that its process has given back: there is no
    // IOMMU in between, and the kernel does not hold the pages.
    [[nodiscard]] bool writes_anywhere(const MemberConfig& member) const;
    void keep_only(const std::set<PciAddress>& used); // gives back all others
    // In the order of their addresses. A line for each that could not be given back.
    std::vector<std::string> give_back_all();

private:
    Result<PciBinding> bind(const PciDevice& device, const MemberConfig& member,
                            std::vector<std::string>& warnings);

    [[nodiscard]] const char* who_left() const {
        return warm_ ? "the instance before" : "an instance that died";
    }

    PciBus bus_;
    std::set<PciAddress> planned_;
    std::map<PciAddress, PciBinding> taken_;
    std::map<PciAddress, PciBinding> left_; // by instances that died
    bool warm_ = false;                     // … or by the one before, for this one
};

// The address of a member that is a PCI device.
std::optional<PciAddress> pci_address_of(const MemberConfig& member);

} // namespace dpdkbond

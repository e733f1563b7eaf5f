// SPDX-License-Identifier: BSD-3-Clause
// The PCI devices that this program has taken from their kernel drivers, each given back when its member is
// gone. Ordinary threads, one at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/model.hpp"
#include "host/pci.hpp"

namespace dpdkbond {

class PciShelf {
public:
    // Binds the member's device to the driver it names (default vfio-pci; without an IOMMU uio_pci_generic,
    // with a warning). A device in use (address, route, master) is refused unless the member says force.
    // Members that are no PCI devices, have driver `none`, or are taken already are no business of this.
    Result<void> take(const MemberConfig& member, std::vector<std::string>& warnings);
    void give_back(const MemberConfig& member); // after its port was closed
    void give_back_all(); // in the order of their addresses, so that the kernel names them as before

private:
    PciBus bus_;
    std::map<PciAddress, PciBinding> taken_;
};

} // namespace dpdkbond

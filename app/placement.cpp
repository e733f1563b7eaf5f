// SPDX-License-Identifier: BSD-3-Clause
#include "app/placement.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "host/numa.hpp"
#include "ports/pci_shelf.hpp"

namespace dpdkbond {

std::optional<int> node_of(const MemberConfig& member) {
    if (const auto address = pci_address_of(member)) return numa_node_of_pci(*address);
    const std::string netdev = devargs_value(member.device, "iface");
    return netdev.empty() ? std::nullopt : numa_node_of_netdev(netdev);
}

std::vector<int> member_nodes(const Config& config) {
    std::set<int> nodes;
    for (const BondConfig& b : config.bonds)
        for (const MemberConfig& m : b.members)
            if (const auto node = node_of(m)) nodes.insert(*node);
    return {nodes.begin(), nodes.end()};
}

std::vector<std::string> node_crossings(const Config& config) {
    std::vector<std::string> lines;
    for (const BondConfig& b : config.bonds)
        for (const MemberConfig& m : b.members) {
            const auto node = node_of(m);
            if (!node) continue;
            std::vector<unsigned> far;
            for (const unsigned cpu : config.runtime.worker_lcores) {
                const auto there = numa_node_of_cpu_id(static_cast<int>(cpu));
                if (there && *there != *node) far.push_back(cpu);
            }
            if (!far.empty())
                lines.push_back(
                    fmt::format("{}: member {} is on memory node {} and worker lcore {} is not: its "
                                "frames cross between the nodes",
                                b.name, m.name, *node, fmt::join(far, ", ")));
        }
    return lines;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Extended statistics: of the bond, then of each member in the order of the configuration.
#include <fmt/format.h>

#include <algorithm>

#include "drivers/net_dpdkbond/ops.hpp"

namespace dpdkbond::xstats {

namespace {

struct Stat {
    std::string name;
    std::uint64_t value;
};

std::vector<Stat> all(EmbeddedBond& port) {
    const PortCounters c = port.counters();
    std::vector<Stat> stats = {{"punted_packets", c.bond.punted},
                               {"injected_packets", c.bond.injected},
                               {"answered_packets", c.bond.answered},
                               {"held_packets", c.bond.held},
                               {"held_overflow_packets", c.bond.held_overflow},
                               {"copied_packets", c.bond.copied},
                               {"copies_lost", c.bond.copies_lost}};
    const auto add_drops = [&](const std::string& before,
                               const std::array<std::uint64_t, kDropReasons>& drops) {
        for (std::size_t r = 0; r < kDropReasons; ++r)
            stats.push_back({fmt::format("{}drop_{}", before, kDropReasonNames[r]), drops[r]});
    };
    add_drops("", c.bond.drops);
    const std::vector<std::string>& names = c.names;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string before = fmt::format("{}_", std::string_view(names[i]).substr(0, 32));
        const MemberCounters& m = c.members[i];
        stats.push_back({before + "rx_packets", m.rx_packets});
        stats.push_back({before + "rx_bytes", m.rx_bytes});
        stats.push_back({before + "tx_packets", m.tx_packets});
        stats.push_back({before + "tx_bytes", m.tx_bytes});
        stats.push_back({before + "rx_missed", m.missed});
        stats.push_back({before + "rx_no_buffer", m.no_buffer});
        stats.push_back({before + "rx_errors", m.rx_errors});
        stats.push_back({before + "tx_errors", m.tx_errors});
        add_drops(before, m.drops);
    }
    return stats;
}

} // namespace

int names(rte_eth_dev* dev, rte_eth_xstat_name* names, unsigned room) {
    const std::vector<Stat> stats = all(port_of(dev));
    if (names == nullptr || room < stats.size()) return static_cast<int>(stats.size());
    for (std::size_t i = 0; i < stats.size(); ++i) {
        const auto end = fmt::format_to_n(names[i].name, sizeof names[i].name - 1, "{}", stats[i].name).out;
        *end = '\0';
    }
    return static_cast<int>(stats.size());
}

int values(rte_eth_dev* dev, rte_eth_xstat* values, unsigned room) {
    const std::vector<Stat> stats = all(port_of(dev));
    if (values == nullptr || room < stats.size()) return static_cast<int>(stats.size());
    for (std::size_t i = 0; i < stats.size(); ++i) values[i] = {i, stats[i].value};
    return static_cast<int>(stats.size());
}

int reset(rte_eth_dev* dev) {
    port_of(dev).clear_counters();
    return 0;
}

} // namespace dpdkbond::xstats

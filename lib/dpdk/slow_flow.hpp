// SPDX-License-Identifier: BSD-3-Clause
// A rule in the NIC that puts frames of the slow protocols (ethertype 0x8809: LACP, markers, OAM) into a
// receive queue that nothing else enters, so that data that comes faster than it is read displaces none of
// them. Ordinary threads.
#pragma once

#include <cstdint>

struct rte_flow;

namespace dpdkbond {

class SlowFlow {
public:
    // Whether the PMD of a started port knows such a rule.
    static bool possible(std::uint16_t port);
    // Of a started port. Nothing is changed when the PMD refuses.
    bool create(std::uint16_t port, std::uint16_t queue);
    void destroy(); // before the port stops

private:
    std::uint16_t port_ = 0;
    rte_flow* rule_ = nullptr;
};

// Keeps receive side scaling to queues 0 … queues-1. False: the PMD does not let itself be told.
bool spread_over(std::uint16_t port, std::uint16_t queues);

} // namespace dpdkbond

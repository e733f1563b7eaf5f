// SPDX-License-Identifier: BSD-3-Clause
// What a port without a PMD does: one that this program reads and writes itself. Port gives it an ethdev's
// number by a net_null device, whose burst functions it replaces while the port runs: so everything that
// knows ports by their numbers (lanes, captures) knows this one too, and a burst costs no more than a PMD's.
// Ordinary threads, but for the burst functions.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/mac.hpp"
#include "base/result.hpp"

namespace dpdkbond {

class PortOps {
public:
    virtual ~PortOps() = default;

    [[nodiscard]] virtual std::string_view driver() const = 0; // as Port::driver()
    [[nodiscard]] virtual Mac permanent_mac() const = 0;
    [[nodiscard]] virtual std::uint16_t max_rx_queues() const = 0;
    [[nodiscard]] virtual std::uint16_t max_tx_queues() const = 0;

    // Makes the queues; received frames are of `pool`.
    virtual Result<void> start(std::uint16_t rx_queues, std::uint16_t tx_queues, rte_mempool* pool) = 0;
    virtual void stop() noexcept = 0; // no worker calls a burst function any more
    // Between start() and stop(), an entry a queue. What the functions get is that entry; they own the mbufs
    // as ethdev's do.
    [[nodiscard]] virtual std::vector<void*>& rx_queues() = 0;
    [[nodiscard]] virtual std::vector<void*>& tx_queues() = 0;
    [[nodiscard]] virtual eth_rx_burst_t rx_burst() const = 0;
    [[nodiscard]] virtual eth_tx_burst_t tx_burst() const = 0;
    [[nodiscard]] virtual std::vector<int> rx_fds() const = 0; // what each receive queue waits on

    virtual Result<void> set_mac(const Mac& mac) = 0;
    virtual Result<void> set_mtu(std::uint32_t mtu) = 0;
    [[nodiscard]] virtual std::uint32_t mtu() const = 0; // 0: not known
    [[nodiscard]] virtual rte_eth_stats stats() const = 0;
};

} // namespace dpdkbond

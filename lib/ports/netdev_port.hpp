// SPDX-License-Identifier: BSD-3-Clause
// What our own ports on a netdev of this kernel have in common: they know it by its index, so that a rename
// changes nothing.
#pragma once

#include <vector>

#include "dpdk/port_ops.hpp"
#include "host/netlink.hpp"
#include "ports/frame_buffers.hpp"

namespace dpdkbond {

class NetdevPort : public PortOps {
public:
    [[nodiscard]] Mac permanent_mac() const final { return mac_; }
    std::vector<void*>& rx_queues() final { return rx_; }
    std::vector<void*>& tx_queues() final { return tx_; }
    Result<void> set_mac(const Mac& mac) final;
    Result<void> set_mtu(std::uint32_t mtu) final;
    [[nodiscard]] std::uint32_t mtu() const final;

protected:
    explicit NetdevPort(const LinkEvent& link) : ifindex_(link.ifindex), mac_(link.mac) {}

    static void add_received(rte_eth_stats& sum, const QueueCounters& queue);
    static void add_sent(rte_eth_stats& sum, const QueueCounters& queue);

    const int ifindex_;
    std::vector<void*> rx_, tx_; // an entry a queue, between start() and stop()

private:
    const Mac mac_;
};

} // namespace dpdkbond

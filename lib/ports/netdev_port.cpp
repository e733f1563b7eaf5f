// SPDX-License-Identifier: BSD-3-Clause
#include "ports/netdev_port.hpp"

namespace dpdkbond {

Result<void> NetdevPort::set_mac(const Mac& mac) {
    const auto link = get_link(ifindex_);
    return link ? dpdkbond::set_mac(link.value().name, mac) : Error{link.error()};
}

Result<void> NetdevPort::set_mtu(std::uint32_t mtu) {
    const auto link = get_link(ifindex_);
    if (!link) return Error{link.error()};
    return link.value().mtu == mtu ? Result<void>{} : dpdkbond::set_mtu(link.value().name, mtu);
}

std::uint32_t NetdevPort::mtu() const {
    const auto link = get_link(ifindex_);
    return link ? link.value().mtu : 0;
}

void NetdevPort::add_received(rte_eth_stats& sum, const QueueCounters& queue) {
    sum.ipackets += queue.packets;
    sum.ibytes += queue.bytes;
    sum.ierrors += queue.errors;
    sum.rx_nombuf += queue.no_buffer;
}

void NetdevPort::add_sent(rte_eth_stats& sum, const QueueCounters& queue) {
    sum.opackets += queue.packets;
    sum.obytes += queue.bytes;
    sum.oerrors += queue.errors;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The bond as an ethdev shows it.
#include <rte_errno.h>

#include <algorithm>
#include <cstring>

#include "drivers/net_dpdkbond/ops.hpp"

namespace dpdkbond {

std::string EthdevFace::tag() const { return "port" + std::to_string(dev_.data->port_id); }

FaceSetup EthdevFace::setup() {
    FaceSetup setup;
    setup.conf = &dev_.data->dev_conf;
    for (unsigned q = 0; q < dev_.data->nb_rx_queues; ++q)
        setup.rx.push_back(static_cast<RxQueue*>(dev_.data->rx_queues[q]));
    for (unsigned q = 0; q < dev_.data->nb_tx_queues; ++q)
        setup.tx.push_back(static_cast<TxQueue*>(dev_.data->tx_queues[q]));
    setup.mtu = dev_.data->mtu;
    return setup;
}

void EthdevFace::show_link(const rte_eth_link& link) {
    rte_eth_link before{};
    rte_eth_linkstatus_get(&dev_, &before);
    rte_eth_linkstatus_set(&dev_, &link);
    if (std::memcmp(&before, &link, sizeof link) != 0)
        rte_eth_dev_callback_process(&dev_, RTE_ETH_EVENT_INTR_LSC, nullptr);
}

void EthdevFace::show_mac(const Mac& mac) {
    std::memcpy(dev_.data->mac_addrs[0].addr_bytes, mac.data(), RTE_ETHER_ADDR_LEN);
}

std::string EthdevFace::name_of_new(std::uint16_t port) const { return rte_eth_devices[port].data->name; }

bool EthdevFace::is_started(std::uint16_t port) const { return rte_eth_devices[port].data->dev_started != 0; }

bool EthdevFace::is_probed(std::uint16_t port) const {
    const rte_device* const device = rte_eth_devices[port].device;
    return device != nullptr && rte_dev_is_probed(device) != 0;
}

bool EthdevFace::has_rx_interrupts(std::uint16_t port) const {
    const rte_eth_dev& dev = rte_eth_devices[port];
    return dev.intr_handle != nullptr ||
           (dev.dev_ops != nullptr && dev.dev_ops->rx_queue_intr_enable != nullptr);
}

const std::vector<std::uint32_t>& PluginPort::ptypes() {
    const std::lock_guard lock(bond.devices());
    bool first = true;
    ptypes_.clear();
    for (const std::uint16_t port : bond.members()) {
        std::vector<std::uint32_t> of(256);
        const int n = rte_eth_dev_get_supported_ptypes(port, RTE_PTYPE_ALL_MASK, of.data(),
                                                       static_cast<int>(of.size()));
        of.resize(static_cast<std::size_t>(std::clamp(n, 0, static_cast<int>(of.size()))));
        if (first)
            ptypes_ = of;
        else
            std::erase_if(ptypes_, [&](std::uint32_t t) { return std::ranges::find(of, t) == of.end(); });
        first = false;
    }
    ptypes_.push_back(RTE_PTYPE_UNKNOWN);
    return ptypes_;
}

} // namespace dpdkbond

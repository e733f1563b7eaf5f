// SPDX-License-Identifier: BSD-3-Clause
// What the application may ask of the port and asks: capabilities, addresses, modes of reception, MTU.
#include <fmt/format.h>

#include <algorithm>

#include "dpdk/clock.hpp"
#include "drivers/registry.hpp"
#include "embed/embedded_bond.hpp"

namespace dpdkbond {

RxFilter EmbeddedBond::filter() const {
    RxFilter f;
    f.all_unicast = promiscuous_;
    f.all_groups = f.all_unicast || all_groups_;
    const auto add_all = [&](const std::vector<Mac>& macs) {
        for (const Mac& mac : macs) {
            if (f.macs.size() < kMaxFilterMacs)
                f.macs.push_back(mac);
            else
                (mac.is_multicast() ? f.all_groups : f.all_unicast) = true;
        }
    };
    add_all(addresses_);
    add_all(groups_);
    return f;
}

ReceiveWishes EmbeddedBond::wishes() const {
    ReceiveWishes w;
    w.promiscuous = promiscuous_;
    w.all_groups = w.promiscuous || all_groups_;
    w.unicast = addresses_;
    w.groups = groups_;
    if (find_mode(config_.mode)->punt != nullptr)
        w.groups.push_back(Mac{{0x01, 0x80, 0xc2, 0x00, 0x00, 0x02}});
    return w;
}

// What the application wants to receive changes: the host thread reads it when a member joins.
template <class F> int EmbeddedBond::change_filter(F change) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    change();
    if (!running_) return 0; // start() asks again
    const RxFilter f = filter();
    for (auto& device : devices_) {
        if (device->id == kNoMember) continue;
        for (const std::string& what : device->follow(wishes())) warn(device->id, what);
    }
    running_->control.call([&] {
        running_->core.bond.set_filter(f, now());
        for (const auto& device : devices_)
            if (device->id != kNoMember) running_->core.bond.set_sorts_itself(device->id, device->sorts());
        running_->control.settle(0);
    });
    return 0;
}

int EmbeddedBond::set_promiscuous(bool on) {
    return change_filter([&] { promiscuous_ = on; });
}

int EmbeddedBond::set_allmulticast(bool on) {
    return change_filter([&] { all_groups_ = on; });
}

int EmbeddedBond::set_groups(std::vector<Mac> groups) {
    return change_filter([&] { groups_ = std::move(groups); });
}

int EmbeddedBond::set_address(const Mac& mac, bool on) {
    return change_filter([&] {
        std::erase(addresses_, mac);
        if (on) addresses_.push_back(mac);
    });
}

int EmbeddedBond::set_mac(const Mac& mac) {
    const std::lock_guard lock(mutex_);
    if (running_) {
        bool same = false;
        running_->control.call([&] { same = running_->core.bond.mac() == mac; });
        if (same) return 0; // ethdev repeats it at each start
        running_->control.call([&] {
            running_->core.bond.set_mac(mac, now());
            running_->control.settle(0);
        });
        const std::lock_guard devices(device_mutex_);
        apply_macs();
    }
    config_.logical.mac = mac;
    mac_given_ = true;
    return 0;
}

int EmbeddedBond::set_mtu(std::uint16_t mtu) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    config_.logical.mtu = mtu;
    if (!running_) return 0;
    for (auto& device : devices_)
        if (device->started())
            if (auto done = device->set_mtu(mtu); !done) {
                log_line(LogLevel::error, fmt::format("{}: {}", config_.name, done.error()));
                return -EINVAL;
            }
    running_->control.call([&] {
        running_->core.bond.set_mtu(mtu, now());
        running_->control.settle(0);
    });
    return 0;
}

int EmbeddedBond::info(rte_eth_dev_info& out) {
    const std::lock_guard devices(device_mutex_);
    find_devices();
    out.max_rx_queues = out.max_tx_queues = kMaxLogicalQueues;
    out.max_mac_addrs = kMaxAddresses;
    out.min_rx_bufsize = 0;
    out.max_rx_pktlen = 65535;
    out.min_mtu = RTE_ETHER_MIN_MTU;
    out.max_mtu = 65535 - 64;
    out.rx_desc_lim = {4096, 64, 1, 0, 0};
    out.tx_desc_lim = {4096, 64, 1, UINT16_MAX, UINT16_MAX};
    out.default_rxportconf = out.default_txportconf = {32, 512, 1};
    out.rx_offload_capa = out.tx_offload_capa = 0;
    bool first = true;
    for (auto& device : devices_) {
        if (!device->here()) continue;
        const rte_eth_dev_info m = device->capabilities();
        out.min_rx_bufsize = std::max(out.min_rx_bufsize, m.min_rx_bufsize);
        out.max_rx_pktlen = std::min(out.max_rx_pktlen, m.max_rx_pktlen);
        out.min_mtu = std::max(out.min_mtu, m.min_mtu);
        if (m.max_mtu != 0) out.max_mtu = std::min(out.max_mtu, m.max_mtu);
        const auto narrow = [](rte_eth_desc_lim& limit, const rte_eth_desc_lim& of) {
            if (of.nb_max != 0) limit.nb_max = std::min(limit.nb_max, of.nb_max);
            limit.nb_min = std::min(std::max(limit.nb_min, of.nb_min), limit.nb_max);
            limit.nb_align = std::max(limit.nb_align, of.nb_align);
        };
        narrow(out.rx_desc_lim, m.rx_desc_lim);
        narrow(out.tx_desc_lim, m.tx_desc_lim);
        const auto meet = [&](auto& all, auto of) { all = first ? of : all & of; };
        meet(out.rx_offload_capa, m.rx_offload_capa);
        meet(out.tx_offload_capa, m.tx_offload_capa);
        meet(out.flow_type_rss_offloads, m.flow_type_rss_offloads);
        out.reta_size = first ? m.reta_size : out.reta_size == m.reta_size ? out.reta_size : std::uint16_t{0};
        out.hash_key_size = first                                  ? m.hash_key_size
                            : out.hash_key_size == m.hash_key_size ? out.hash_key_size
                                                                   : std::uint8_t{0};
        first = false;
    }
    // Control's frames are of another pool, and broadcast shares frames.
    out.tx_offload_capa &= ~std::uint64_t{RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE};
    // Control may send by a queue while the application uses it, below a lock; the application itself may
    // not.
    out.tx_offload_capa &= ~std::uint64_t{RTE_ETH_TX_OFFLOAD_MT_LOCKFREE};
    return 0;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/net_dpdkbond/ops.hpp"

#include <algorithm>
#include <exception>
#include <new>

#include "embed/instance.hpp"

namespace dpdkbond {

int caught(rte_eth_dev* dev) {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    } catch (const std::exception& e) {
        log_line(LogLevel::error, std::string(dev->data->name) + ": " + e.what());
        return -EIO;
    }
}

namespace {

Mac mac_of(const rte_ether_addr& address) { return Mac::from_bytes(address.addr_bytes); }

int configure(rte_eth_dev* dev) {
    return guarded(dev, [&](EmbeddedBond& p) {
        const std::uint16_t sleeping =
            dev->data->dev_conf.intr_conf.rxq != 0 ? dev->data->nb_rx_queues : std::uint16_t{0};
        RxInterrupts& interrupts = plugin_port_of(dev).interrupts;
        interrupts.withdraw(); // the descriptors may be others from now on
        const int rc = p.configure(sleeping);
        return rc == 0 && sleeping != 0 ? interrupts.offer(p, sleeping) : rc;
    });
}

int rx_queue_intr_enable(rte_eth_dev* dev, std::uint16_t queue) {
    return guarded(dev, [&](EmbeddedBond& p) {
        if (p.wake_of(queue) == nullptr) return -ENOTSUP;
        p.arm(*static_cast<RxQueue*>(dev->data->rx_queues[queue]));
        return 0;
    });
}

int rx_queue_intr_disable(rte_eth_dev* dev, std::uint16_t queue) {
    return guarded(dev, [&](EmbeddedBond& p) {
        if (p.wake_of(queue) == nullptr) return -ENOTSUP;
        p.wake_of(queue)->disarm();
        return 0;
    });
}

int start(rte_eth_dev* dev) {
    return guarded(dev, [&](EmbeddedBond& p) {
        const int rc = p.start();
        if (rc != 0) return rc;
        for (unsigned q = 0; q < dev->data->nb_rx_queues; ++q)
            dev->data->rx_queue_state[q] = RTE_ETH_QUEUE_STATE_STARTED;
        for (unsigned q = 0; q < dev->data->nb_tx_queues; ++q)
            dev->data->tx_queue_state[q] = RTE_ETH_QUEUE_STATE_STARTED;
        return 0;
    });
}

int stop(rte_eth_dev* dev) {
    return guarded(dev, [&](EmbeddedBond& p) {
        dev->data->dev_started = 0;
        for (unsigned q = 0; q < dev->data->nb_rx_queues; ++q)
            dev->data->rx_queue_state[q] = RTE_ETH_QUEUE_STATE_STOPPED;
        for (unsigned q = 0; q < dev->data->nb_tx_queues; ++q)
            dev->data->tx_queue_state[q] = RTE_ETH_QUEUE_STATE_STOPPED;
        return p.stop();
    });
}

void rx_queue_release(rte_eth_dev* dev, std::uint16_t queue) {
    auto*& q = dev->data->rx_queues[queue];
    delete static_cast<RxQueue*>(q);
    q = nullptr;
}

void tx_queue_release(rte_eth_dev* dev, std::uint16_t queue) {
    auto*& q = dev->data->tx_queues[queue];
    delete static_cast<TxQueue*>(q);
    q = nullptr;
}

int close_port(rte_eth_dev* dev) {
    if (rte_eal_process_type() != RTE_PROC_PRIMARY) return 0;
    auto** const slot = static_cast<PluginPort**>(dev->data->dev_private);
    if (slot == nullptr || *slot == nullptr) return 0;
    PluginPort* const port = *slot;
    leave_instance(port->bond); // nobody asks it any more
    stop(dev);
    for (std::uint16_t q = 0; q < dev->data->nb_rx_queues; ++q) rx_queue_release(dev, q);
    for (std::uint16_t q = 0; q < dev->data->nb_tx_queues; ++q) tx_queue_release(dev, q);
    *slot = nullptr;
    delete port;
    return 0; // ethdev frees the rest
}

int reset(rte_eth_dev* dev) {
    const int rc = guarded(dev, [](EmbeddedBond& p) { return p.stop(); });
    return rc != 0 ? rc : configure(dev);
}

int info_get(rte_eth_dev* dev, rte_eth_dev_info* info) {
    return guarded(dev, [&](EmbeddedBond& p) { return p.info(*info); });
}

int rx_queue_setup(rte_eth_dev* dev, std::uint16_t queue, std::uint16_t descriptors, unsigned,
                   const rte_eth_rxconf* conf, rte_mempool* pool) {
    return guarded(dev, [&](EmbeddedBond&) {
        auto* q = new RxQueue; // ethdev frees the one before
        q->port = dev->data->port_id;
        q->number = queue;
        q->pool = pool;
        q->descriptors = descriptors;
        q->conf = *conf;
        dev->data->rx_queues[queue] = q;
        return 0;
    });
}

int tx_queue_setup(rte_eth_dev* dev, std::uint16_t queue, std::uint16_t descriptors, unsigned,
                   const rte_eth_txconf* conf) {
    return guarded(dev, [&](EmbeddedBond&) {
        auto* q = new TxQueue;
        q->number = queue;
        q->descriptors = descriptors;
        q->conf = *conf;
        dev->data->tx_queues[queue] = q;
        return 0;
    });
}

void rxq_info_get(rte_eth_dev* dev, std::uint16_t queue, rte_eth_rxq_info* info) {
    const auto& q = *static_cast<RxQueue*>(dev->data->rx_queues[queue]);
    info->mp = q.pool;
    info->conf = q.conf;
    info->nb_desc = q.descriptors;
}

void txq_info_get(rte_eth_dev* dev, std::uint16_t queue, rte_eth_txq_info* info) {
    const auto& q = *static_cast<TxQueue*>(dev->data->tx_queues[queue]);
    info->conf = q.conf;
    info->nb_desc = q.descriptors;
}

int link_update(rte_eth_dev*, int) { return 0; } // the port's host thread keeps it

int stats_get(rte_eth_dev* dev, rte_eth_stats* stats) {
    return guarded(dev, [&](EmbeddedBond& p) {
        const PortCounters c = p.counters();
        stats->ipackets = c.bond.rx_packets;
        stats->ibytes = c.bond.rx_bytes;
        stats->opackets = c.bond.tx_packets;
        stats->obytes = c.bond.tx_bytes;
        const auto drops = [&](DropReason reason) { return c.bond.drops[static_cast<std::size_t>(reason)]; };
        stats->imissed = drops(DropReason::logical_full);
        stats->oerrors =
            drops(DropReason::member_full) + drops(DropReason::no_member) + drops(DropReason::no_path);
        for (const MemberCounters& m : c.members) {
            stats->imissed += m.missed;
            stats->ierrors += m.rx_errors;
            stats->oerrors += m.tx_errors;
            stats->rx_nombuf += m.no_buffer;
        }
        return 0;
    });
}

int stats_reset(rte_eth_dev* dev) {
    return guarded(dev, [](EmbeddedBond& p) {
        p.clear_counters();
        return 0;
    });
}

int promiscuous_enable(rte_eth_dev* dev) {
    return guarded(dev, [](EmbeddedBond& p) { return p.set_promiscuous(true); });
}
int promiscuous_disable(rte_eth_dev* dev) {
    return guarded(dev, [](EmbeddedBond& p) { return p.set_promiscuous(false); });
}
int allmulticast_enable(rte_eth_dev* dev) {
    return guarded(dev, [](EmbeddedBond& p) { return p.set_allmulticast(true); });
}
int allmulticast_disable(rte_eth_dev* dev) {
    return guarded(dev, [](EmbeddedBond& p) { return p.set_allmulticast(false); });
}

int mac_addr_set(rte_eth_dev* dev, rte_ether_addr* address) {
    return guarded(dev, [&](EmbeddedBond& p) { return p.set_mac(mac_of(*address)); });
}
int mac_addr_add(rte_eth_dev* dev, rte_ether_addr* address, std::uint32_t, std::uint32_t) {
    return guarded(dev, [&](EmbeddedBond& p) { return p.set_address(mac_of(*address), true); });
}
void mac_addr_remove(rte_eth_dev* dev, std::uint32_t index) {
    const Mac mac = mac_of(dev->data->mac_addrs[index]);
    guarded(dev, [&](EmbeddedBond& p) { return p.set_address(mac, false); });
}
int set_mc_addr_list(rte_eth_dev* dev, rte_ether_addr* list, std::uint32_t count) {
    return guarded(dev, [&](EmbeddedBond& p) {
        std::vector<Mac> groups;
        for (std::uint32_t i = 0; i < count; ++i) groups.push_back(mac_of(list[i]));
        return p.set_groups(std::move(groups));
    });
}

int mtu_set(rte_eth_dev* dev, std::uint16_t mtu) {
    return guarded(dev, [&](EmbeddedBond& p) { return p.set_mtu(mtu); });
}

// Those that all members know.
#if RTE_VERSION >= RTE_VERSION_NUM(24, 7, 0, 0)
const std::uint32_t* ptypes(rte_eth_dev* dev, std::size_t* count) {
    const std::vector<std::uint32_t>& known = plugin_port_of(dev).ptypes();
    *count = known.size() - 1; // without the end
    return known.data();
}
#else
const std::uint32_t* ptypes(rte_eth_dev* dev) { return plugin_port_of(dev).ptypes().data(); }
#endif

eth_dev_ops port_ops() {
    eth_dev_ops ops{};
    ops.dev_configure = configure;
    ops.dev_start = start;
    ops.dev_stop = stop;
    ops.dev_close = close_port;
    ops.dev_reset = reset;
    ops.dev_infos_get = info_get;
    ops.rx_queue_setup = rx_queue_setup;
    ops.tx_queue_setup = tx_queue_setup;
    ops.rx_queue_release = rx_queue_release;
    ops.rx_queue_intr_enable = rx_queue_intr_enable;
    ops.rx_queue_intr_disable = rx_queue_intr_disable;
    ops.tx_queue_release = tx_queue_release;
    ops.rxq_info_get = rxq_info_get;
    ops.txq_info_get = txq_info_get;
    ops.link_update = link_update;
    ops.stats_get = stats_get;
    ops.stats_reset = stats_reset;
    ops.xstats_get = xstats::values;
    ops.xstats_get_names = xstats::names;
    ops.xstats_reset = xstats::reset;
    ops.promiscuous_enable = promiscuous_enable;
    ops.promiscuous_disable = promiscuous_disable;
    ops.allmulticast_enable = allmulticast_enable;
    ops.allmulticast_disable = allmulticast_disable;
    ops.mac_addr_set = mac_addr_set;
    ops.mac_addr_add = mac_addr_add;
    ops.mac_addr_remove = mac_addr_remove;
    ops.set_mc_addr_list = set_mc_addr_list;
    ops.mtu_set = mtu_set;
    ops.rss_hash_update = shared::rss_update;
    ops.rss_hash_conf_get = shared::rss_get;
    ops.reta_update = shared::reta_update;
    ops.reta_query = shared::reta_query;
    ops.vlan_filter_set = shared::vlan_filter;
    ops.vlan_offload_set = shared::vlan_offload;
    ops.dev_supported_ptypes_get = ptypes;
    ops.flow_ops_get = shared::flow_ops;
    return ops;
}

} // namespace

const eth_dev_ops kPortOps = port_ops();

} // namespace dpdkbond

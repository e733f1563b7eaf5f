// SPDX-License-Identifier: BSD-3-Clause
// What EAL knows of the plug-in: the driver net_dpdkbond of its virtual bus.
#include <fmt/format.h>

#include <cerrno>
#include <exception>
#include <memory>

#include "drivers/net_dpdkbond/ethdev.hpp"
#include "drivers/net_dpdkbond/ops.hpp"
#include "drivers/net_dpdkbond/removal.hpp"
#include "embed/instance.hpp"

namespace dpdkbond {

namespace {

int probe(rte_vdev_device* vdev) {
    const char* const name = rte_vdev_device_name(vdev);
    if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
        log_line(
            LogLevel::error,
            fmt::format("{}: a secondary process cannot have it: control and its state are the primary's",
                        name));
        return -ENOTSUP;
    }
    const std::string built = fmt::format("{} {}.{:02}.", RTE_VER_PREFIX, RTE_VER_YEAR, RTE_VER_MONTH);
    if (!std::string_view(rte_version()).starts_with(built)) {
        log_line(LogLevel::error, fmt::format("{}: this plug-in is built for {}x, and here is {}", name,
                                              built, rte_version()));
        return -EINVAL;
    }
    const char* const text = rte_vdev_device_args(vdev);
    ParsedPortArgs parsed = parse_port_args(name, text != nullptr ? text : "");
    for (const std::string& problem : parsed.problems)
        log_line(LogLevel::error, fmt::format("{}: {}", name, problem));
    if (!parsed.problems.empty()) return -EINVAL;
    if (parsed.args.socket_id >= 0) vdev->device.numa_node = parsed.args.socket_id;

    rte_eth_dev* const dev = rte_eth_vdev_allocate(vdev, sizeof(PluginPort*));
    if (dev == nullptr) {
        log_line(LogLevel::error, fmt::format("{}: DPDK has no room for one more port", name));
        return -ENOMEM;
    }
    const auto refuse = [&](const std::string& why, int code) {
        log_line(LogLevel::error, fmt::format("{}: {}", name, why));
        rte_eth_dev_release_port(dev);
        return code;
    };
    dev->data->mac_addrs = static_cast<rte_ether_addr*>(
        rte_zmalloc_socket(name, sizeof(rte_ether_addr) * kMaxAddresses, 0, dev->data->numa_node));
    if (dev->data->mac_addrs == nullptr) return refuse("there is no memory for it", -ENOMEM);
    dev->dev_ops = &kPortOps;
    dev->rx_pkt_burst = receive_burst;
    dev->tx_pkt_burst = send_burst;
    dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
    dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
    dev->data->promiscuous = 0;
    try {
        auto** const slot = static_cast<PluginPort**>(dev->data->dev_private);
        *slot = new PluginPort(*dev, std::move(parsed.args));
        enter_instance((*slot)->bond);
        watch_removals();
    } catch (const std::exception& e) {
        return refuse(e.what(), -EINVAL);
    }
    rte_eth_dev_probing_finish(dev);
    return 0;
}

int remove(rte_vdev_device* vdev) {
    const char* const name = rte_vdev_device_name(vdev);
    if (name == nullptr) return -EINVAL;
    rte_eth_dev* const dev = rte_eth_dev_allocated(name);
    if (dev == nullptr || dev->data->dev_private == nullptr) return 0;     // closed already
    if (dev->data->dev_started != 0) rte_eth_dev_stop(dev->data->port_id); // ethdev closes no other
    return rte_eth_dev_close(dev->data->port_id);
}

rte_vdev_driver driver;

} // namespace

} // namespace dpdkbond

extern "C" {
RTE_PMD_EXPORT_NAME(net_dpdkbond, __COUNTER__);
// What dpdk-pmdinfo shows.
[[gnu::used]] static const char pmd_info[] =
    R"(PMD_INFO_STRING= {"name" : "net_dpdkbond", "params" : "mode=<mode> member=<device> primary=<member> mac=<mac> )"
    R"(xmit_policy=<l2|l23|l34> lsc_poll_period_ms=<ms> up_delay=<ms> down_delay=<ms> agg_mode=<mode> socket_id=<node> )"
    R"(config=<file> bond=<name>", "pci_ids" : []})";

// EAL calls it when it loads the plug-in.
[[gnu::constructor]] static void register_driver() {
    dpdkbond::set_log_type("pmd.net.dpdkbond");
    dpdkbond::driver.probe = dpdkbond::probe;
    dpdkbond::driver.remove = dpdkbond::remove;
    dpdkbond::driver.driver.name = "net_dpdkbond";
    rte_vdev_register(&dpdkbond::driver);
}
}

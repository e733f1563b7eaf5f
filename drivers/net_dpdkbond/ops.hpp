// SPDX-License-Identifier: BSD-3-Clause
// An embedded bond as ethdev calls it. Ordinary threads of the application.
#pragma once

#include "drivers/net_dpdkbond/ethdev.hpp"
#include "drivers/net_dpdkbond/rx_interrupts.hpp"
#include "drivers/net_dpdkbond/shared.hpp"
#include "embed/embedded_bond.hpp"

namespace dpdkbond {

extern const eth_dev_ops kPortOps;

class EthdevFace final : public Face {
public:
    explicit EthdevFace(rte_eth_dev& dev) : dev_(dev) {}
    [[nodiscard]] std::string tag() const override;
    [[nodiscard]] std::uint16_t port() const override { return dev_.data->port_id; }
    [[nodiscard]] std::string logical_name() const override { return dev_.data->name; }
    [[nodiscard]] std::string_view backend() const override { return "ethdev"; }
    FaceSetup setup() override;
    void show_link(const rte_eth_link& link) override;
    void show_mac(const Mac& mac) override;
    Result<void> member_joins(std::uint16_t port) override { return shared.put_on(port); }
    void member_leaves(std::uint16_t port, bool gone) override { shared.leave(port, gone); }
    [[nodiscard]] std::string name_of_new(std::uint16_t port) const override;
    [[nodiscard]] bool is_started(std::uint16_t port) const override;
    [[nodiscard]] bool is_probed(std::uint16_t port) const override;
    [[nodiscard]] bool has_rx_interrupts(std::uint16_t port) const override;

    SharedSettings shared; // EmbeddedBond::devices() is held

private:
    rte_eth_dev& dev_;
};

// What is behind dev->data->dev_private.
struct PluginPort {
    PluginPort(rte_eth_dev& dev, PortArgs args)
        : face(dev), bond(face, std::move(args), dev.data->numa_node), interrupts(dev) {}
    // Packet types that all members know, and an end; until it is asked again.
    const std::vector<std::uint32_t>& ptypes();
    EthdevFace face;
    EmbeddedBond bond;
    RxInterrupts interrupts; // of its queues

private:
    std::vector<std::uint32_t> ptypes_;
};

inline PluginPort& plugin_port_of(rte_eth_dev* dev) {
    return **static_cast<PluginPort**>(dev->data->dev_private);
}
inline EmbeddedBond& port_of(rte_eth_dev* dev) { return plugin_port_of(dev).bond; }

// DPDK is C: what is thrown ends here.
int caught(rte_eth_dev* dev);
template <class F> int guarded(rte_eth_dev* dev, F f) {
    try {
        return f(port_of(dev));
    } catch (...) {
        return caught(dev);
    }
}

// Parts of kPortOps.
namespace xstats {
int names(rte_eth_dev* dev, rte_eth_xstat_name* names, unsigned room);
int values(rte_eth_dev* dev, rte_eth_xstat* values, unsigned room);
int reset(rte_eth_dev* dev);
} // namespace xstats
namespace shared {
// RSS, VLAN filter, packet types and flow rules are those of all members alike.
int rss_update(rte_eth_dev* dev, rte_eth_rss_conf* conf);
int rss_get(rte_eth_dev* dev, rte_eth_rss_conf* conf);
int reta_update(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size);
int reta_query(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size);
int vlan_filter(rte_eth_dev* dev, std::uint16_t id, int on);
int vlan_offload(rte_eth_dev* dev, int mask);
int flow_ops(rte_eth_dev* dev, const rte_flow_ops** ops);
} // namespace shared

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A BondPort as ethdev calls it. Ordinary threads of the application.
#pragma once

#include "drivers/net_dpdkbond/port.hpp"

namespace dpdkbond {

extern const eth_dev_ops kPortOps;

inline BondPort& port_of(rte_eth_dev* dev) { return **static_cast<BondPort**>(dev->data->dev_private); }

// Parts of kPortOps.
namespace xstats {
int names(rte_eth_dev* dev, rte_eth_xstat_name* names, unsigned room);
int values(rte_eth_dev* dev, rte_eth_xstat* values, unsigned room);
int reset(rte_eth_dev* dev);
} // namespace xstats
namespace shared {
// RSS and flow rules are those of all members alike.
int rss_update(rte_eth_dev* dev, rte_eth_rss_conf* conf);
int rss_get(rte_eth_dev* dev, rte_eth_rss_conf* conf);
int reta_update(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size);
int reta_query(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size);
int vlan_filter(rte_eth_dev* dev, std::uint16_t id, int on);
int flow_ops(rte_eth_dev* dev, const rte_flow_ops** ops);
} // namespace shared

} // namespace dpdkbond

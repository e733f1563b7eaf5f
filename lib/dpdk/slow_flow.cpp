// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/slow_flow.hpp"

#include <rte_ethdev.h>
#include <rte_flow.h>

#include <utility>
#include <vector>

namespace dpdkbond {

namespace {

constexpr std::uint16_t kSlowProtocols = 0x8809;

// Calls f(attributes, pattern, actions) with the rule.
template <class F> auto with_rule(std::uint16_t queue, F f) {
    rte_flow_attr attributes{};
    attributes.ingress = 1;
    rte_flow_item_eth spec{}, mask{};
    spec.type = rte_cpu_to_be_16(kSlowProtocols);
    mask.type = 0xffff;
    const rte_flow_item pattern[] = {{RTE_FLOW_ITEM_TYPE_ETH, &spec, nullptr, &mask},
                                     {RTE_FLOW_ITEM_TYPE_END, nullptr, nullptr, nullptr}};
    const rte_flow_action_queue to{queue};
    const rte_flow_action actions[] = {{RTE_FLOW_ACTION_TYPE_QUEUE, &to},
                                       {RTE_FLOW_ACTION_TYPE_END, nullptr}};
    return f(&attributes, pattern, actions);
}

} // namespace

bool SlowFlow::possible(std::uint16_t port) {
    return with_rule(0, [&](auto* attributes, auto* pattern, auto* actions) {
        rte_flow_error error{};
        return rte_flow_validate(port, attributes, pattern, actions, &error) == 0;
    });
}

bool SlowFlow::create(std::uint16_t port, std::uint16_t queue) {
    port_ = port;
    rule_ = with_rule(queue, [&](auto* attributes, auto* pattern, auto* actions) {
        rte_flow_error error{};
        return rte_flow_create(port, attributes, pattern, actions, &error);
    });
    return rule_ != nullptr;
}

void SlowFlow::destroy() {
    rte_flow_error error{};
    if (rte_flow* rule = std::exchange(rule_, nullptr)) rte_flow_destroy(port_, rule, &error);
}

bool spread_over(std::uint16_t port, std::uint16_t queues) {
    rte_eth_dev_info info;
    if (rte_eth_dev_info_get(port, &info) != 0 || info.reta_size == 0) return false;
    std::vector<rte_eth_rss_reta_entry64> table((info.reta_size + RTE_ETH_RETA_GROUP_SIZE - 1U) /
                                                RTE_ETH_RETA_GROUP_SIZE);
    for (unsigned i = 0; i < info.reta_size; ++i) {
        rte_eth_rss_reta_entry64& group = table[i / RTE_ETH_RETA_GROUP_SIZE];
        group.mask |= std::uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
        group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = static_cast<std::uint16_t>(i % queues);
    }
    return rte_eth_dev_rss_reta_update(port, table.data(), info.reta_size) == 0;
}

} // namespace dpdkbond

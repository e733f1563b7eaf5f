// SPDX-License-Identifier: BSD-3-Clause
// SharedSettings as ethdev calls them.
#include <rte_errno.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net_dpdkbond/ops.hpp"

namespace dpdkbond::shared {

namespace {

// f(settings, members that run), devices held.
template <class F> int with_settings(rte_eth_dev* dev, F f) {
    return guarded(dev, [&](EmbeddedBond& bond) {
        const std::lock_guard lock(bond.devices());
        return f(plugin_port_of(dev).face.shared, bond.running_members());
    });
}

// get(port) on the first member: the others have the same.
template <class Get> int on_first(rte_eth_dev* dev, Get get) {
    EmbeddedBond& bond = port_of(dev);
    const std::lock_guard lock(bond.devices());
    const std::vector<std::uint16_t> ports = bond.members();
    return ports.empty() ? -ENODEV : get(ports.front());
}

// The actions of a rule as members get them. They may have one receive queue more than the port, which is
// control's: a rule that names one that the port does not have is refused, and "all queues" (RSS that names
// none) are the port's.
class QueuesOf {
public:
    QueuesOf(const rte_eth_dev& dev, const rte_flow_action* actions) : queues_(dev.data->nb_rx_queues) {
        for (std::uint16_t q = 0; q < queues_; ++q) all_.push_back(q);
        rss_.reserve(8); // what points to one of them stays good
        for (;; ++actions) {
            actions_.push_back(*actions);
            if (actions->type == RTE_FLOW_ACTION_TYPE_END) break;
            if (actions->conf == nullptr) continue;
            if (actions->type == RTE_FLOW_ACTION_TYPE_QUEUE)
                look_at(static_cast<const rte_flow_action_queue*>(actions->conf)->index);
            if (actions->type == RTE_FLOW_ACTION_TYPE_RSS)
                look_at(*static_cast<const rte_flow_action_rss*>(actions->conf));
        }
    }
    // 0, or a negative errno with the reason in `error`.
    int check(rte_flow_error* error) const {
        if (good_) return 0;
        return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION_CONF, nullptr,
                                  "the port has no such receive queue");
    }
    [[nodiscard]] const rte_flow_action* get() const { return actions_.data(); }

private:
    void look_at(std::uint16_t queue) { good_ &= queue < queues_; }
    void look_at(const rte_flow_action_rss& rss) {
        for (std::uint32_t i = 0; i < rss.queue_num; ++i) look_at(rss.queue[i]);
        if (rss.queue_num != 0 || rss_.size() == rss_.capacity()) return;
        rss_.push_back(rss);
        rss_.back().queue = all_.data();
        rss_.back().queue_num = queues_;
        actions_.back().conf = &rss_.back();
    }

    const std::uint16_t queues_;
    bool good_ = true;
    std::vector<std::uint16_t> all_;
    std::vector<rte_flow_action_rss> rss_;
    std::vector<rte_flow_action> actions_;
};

int validate_on(const std::vector<std::uint16_t>& ports, const rte_flow_attr* attr,
                const rte_flow_item* pattern, const rte_flow_action* actions, rte_flow_error* error) {
    for (const std::uint16_t port : ports)
        if (const int rc = rte_flow_validate(port, attr, pattern, actions, error); rc != 0) return rc;
    return 0;
}

int flow_validate(rte_eth_dev* dev, const rte_flow_attr* attr, const rte_flow_item* pattern,
                  const rte_flow_action* actions, rte_flow_error* error) {
    return with_settings(dev, [&](SharedSettings&, const auto&) {
        const QueuesOf checked(*dev, actions);
        const int rc = checked.check(error);
        return rc != 0 ? rc : validate_on(port_of(dev).members(), attr, pattern, checked.get(), error);
    });
}

// While the port is stopped a rule is only looked at, and made when the port starts.
rte_flow* flow_create(rte_eth_dev* dev, const rte_flow_attr* attr, const rte_flow_item* pattern,
                      const rte_flow_action* actions, rte_flow_error* error) {
    rte_flow* made = nullptr;
    const int rc = with_settings(dev, [&](SharedSettings& settings, const auto& running) {
        const QueuesOf checked(*dev, actions);
        int valid = checked.check(error);
        if (valid == 0 && running.empty())
            valid = validate_on(port_of(dev).members(), attr, pattern, checked.get(), error);
        if (valid != 0)
            rte_errno = -valid;
        else
            made = settings.create(running, *attr, pattern, checked.get(), *error);
        return 0;
    });
    if (rc != 0) rte_flow_error_set(error, -rc, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, nullptr, "out of memory");
    return made;
}

int flow_destroy(rte_eth_dev* dev, rte_flow* flow, rte_flow_error* error) {
    return with_settings(
        dev, [&](SharedSettings& settings, const auto&) { return settings.destroy(flow, *error); });
}

int flow_flush(rte_eth_dev* dev, rte_flow_error* error) {
    return with_settings(dev, [&](SharedSettings& settings, const auto&) { return settings.flush(*error); });
}

// Counters of all members together; other actions answer for one member only.
int flow_query(rte_eth_dev* dev, rte_flow* flow, const rte_flow_action* action, void* data,
               rte_flow_error* error) {
    return with_settings(dev, [&](SharedSettings&, const auto&) {
        if (action->type != RTE_FLOW_ACTION_TYPE_COUNT)
            return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, action,
                                      "only counters can be asked for");
        auto& sum = *static_cast<rte_flow_query_count*>(data);
        const bool clear = sum.reset != 0;
        sum = {};
        for (const rte_flow::Part& part : flow->parts) {
            rte_flow_query_count one{};
            one.reset = clear ? 1 : 0;
            if (const int rc = rte_flow_query(part.port, part.rule, action, &one, error); rc != 0) return rc;
            sum.hits_set |= one.hits_set;
            sum.bytes_set |= one.bytes_set;
            sum.hits += one.hits;
            sum.bytes += one.bytes;
        }
        return 0;
    });
}

rte_flow_ops make_flow_ops() {
    rte_flow_ops ops{};
    ops.validate = flow_validate;
    ops.create = flow_create;
    ops.destroy = flow_destroy;
    ops.flush = flow_flush;
    ops.query = flow_query;
    return ops;
}

const rte_flow_ops kFlowOps = make_flow_ops();

} // namespace

int rss_update(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
    return with_settings(
        dev, [&](SharedSettings& settings, const auto& running) { return settings.set_rss(running, *conf); });
}

int rss_get(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
    return on_first(dev, [&](std::uint16_t port) { return rte_eth_dev_rss_hash_conf_get(port, conf); });
}

int reta_update(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size) {
    return with_settings(dev, [&](SharedSettings& settings, const auto& running) {
        return settings.set_reta(running, reta, size);
    });
}

int reta_query(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size) {
    return on_first(dev, [&](std::uint16_t port) { return rte_eth_dev_rss_reta_query(port, reta, size); });
}

int vlan_filter(rte_eth_dev* dev, std::uint16_t id, int on) {
    return with_settings(dev, [&](SharedSettings& settings, const auto& running) {
        return settings.set_vlan(running, id, on != 0);
    });
}

// ethdev has put what is wanted into the port's receive offloads.
int vlan_offload(rte_eth_dev* dev, int) {
    constexpr std::pair<std::uint64_t, int> kAs[] = {
        {RTE_ETH_RX_OFFLOAD_VLAN_STRIP, RTE_ETH_VLAN_STRIP_OFFLOAD},
        {RTE_ETH_RX_OFFLOAD_VLAN_FILTER, RTE_ETH_VLAN_FILTER_OFFLOAD},
        {RTE_ETH_RX_OFFLOAD_VLAN_EXTEND, RTE_ETH_VLAN_EXTEND_OFFLOAD},
        {RTE_ETH_RX_OFFLOAD_QINQ_STRIP, RTE_ETH_QINQ_STRIP_OFFLOAD}};
    const std::uint64_t wanted = dev->data->dev_conf.rxmode.offloads;
    return with_settings(dev, [&](SharedSettings&, const auto& running) {
        int mask = 0;
        for (const auto& [offload, as] : kAs)
            if ((wanted & offload) != 0) mask |= as;
        for (const std::uint16_t port : running)
            if (const int rc = rte_eth_dev_set_vlan_offload(port, mask); rc != 0) return rc;
        return 0;
    });
}

int flow_ops(rte_eth_dev*, const rte_flow_ops** ops) {
    *ops = &kFlowOps;
    return 0;
}

} // namespace dpdkbond::shared

// SPDX-License-Identifier: BSD-3-Clause
// What is set on all members alike, so that a frame finds the same queue by whichever it comes: all of them
// take it, or none has it.
#include <rte_flow.h>
#include <rte_flow_driver.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "drivers/net_dpdkbond/ops.hpp"

// A rule of the port: one on each member.
struct rte_flow {
    struct Part {
        std::uint16_t port;
        rte_flow* rule;
    };
    std::vector<Part> parts;
};

namespace dpdkbond::shared {

namespace {

// set(port) on each member; at the first that refuses undo(port) on those before. 0 or that error.
template <class Set, class Undo> int on_all(rte_eth_dev* dev, Set set, Undo undo) {
    BondPort& p = port_of(dev);
    const std::lock_guard lock(p.devices());
    const std::vector<std::uint16_t> ports = p.members();
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const int rc = set(ports[i]);
        if (rc == 0) continue;
        while (i-- > 0) undo(ports[i]);
        return rc;
    }
    return ports.empty() ? -ENODEV : 0;
}

// get(port) on the first member: the others have the same.
template <class Get> int on_first(rte_eth_dev* dev, Get get) {
    BondPort& p = port_of(dev);
    const std::lock_guard lock(p.devices());
    const std::vector<std::uint16_t> ports = p.members();
    return ports.empty() ? -ENODEV : get(ports.front());
}

int destroy_parts(rte_flow& flow, rte_flow_error* error) {
    int rc = 0;
    for (const rte_flow::Part& part : flow.parts)
        if (const int one = rte_flow_destroy(part.port, part.rule, error); one != 0) rc = one;
    return rc;
}

int flow_validate(rte_eth_dev* dev, const rte_flow_attr* attr, const rte_flow_item* pattern,
                  const rte_flow_action* actions, rte_flow_error* error) {
    return on_all(
        dev, [&](std::uint16_t port) { return rte_flow_validate(port, attr, pattern, actions, error); },
        [](std::uint16_t) {});
}

rte_flow* flow_create(rte_eth_dev* dev, const rte_flow_attr* attr, const rte_flow_item* pattern,
                      const rte_flow_action* actions, rte_flow_error* error) {
    auto flow = std::make_unique<rte_flow>();
    BondPort& p = port_of(dev);
    const std::lock_guard lock(p.devices());
    for (const std::uint16_t port : p.members()) {
        rte_flow* const rule = rte_flow_create(port, attr, pattern, actions, error);
        if (rule == nullptr) {
            rte_flow_error ignored{};
            destroy_parts(*flow, &ignored);
            return nullptr;
        }
        flow->parts.push_back({port, rule});
    }
    return flow.release();
}

int flow_destroy(rte_eth_dev* dev, rte_flow* flow, rte_flow_error* error) {
    const std::lock_guard lock(port_of(dev).devices());
    const std::unique_ptr<rte_flow> owned(flow);
    return destroy_parts(*owned, error);
}

int flow_flush(rte_eth_dev* dev, rte_flow_error* error) {
    BondPort& p = port_of(dev);
    const std::lock_guard lock(p.devices());
    int rc = 0;
    for (const std::uint16_t port : p.members())
        if (const int one = rte_flow_flush(port, error); one != 0) rc = one;
    return rc;
}

int flow_isolate(rte_eth_dev* dev, int on, rte_flow_error* error) {
    rte_flow_error ignored{};
    return on_all(
        dev, [&](std::uint16_t port) { return rte_flow_isolate(port, on, error); },
        [&](std::uint16_t port) { rte_flow_isolate(port, on != 0 ? 0 : 1, &ignored); });
}

rte_flow_ops make_flow_ops() {
    rte_flow_ops ops{};
    ops.validate = flow_validate;
    ops.create = flow_create;
    ops.destroy = flow_destroy;
    ops.flush = flow_flush;
    ops.isolate = flow_isolate;
    return ops;
}

const rte_flow_ops kFlowOps = make_flow_ops();

} // namespace

int rss_update(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
    return on_all(
        dev, [&](std::uint16_t port) { return rte_eth_dev_rss_hash_update(port, conf); },
        [](std::uint16_t) {});
}

int rss_get(rte_eth_dev* dev, rte_eth_rss_conf* conf) {
    return on_first(dev, [&](std::uint16_t port) { return rte_eth_dev_rss_hash_conf_get(port, conf); });
}

int reta_update(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size) {
    return on_all(
        dev, [&](std::uint16_t port) { return rte_eth_dev_rss_reta_update(port, reta, size); },
        [](std::uint16_t) {});
}

int reta_query(rte_eth_dev* dev, rte_eth_rss_reta_entry64* reta, std::uint16_t size) {
    return on_first(dev, [&](std::uint16_t port) { return rte_eth_dev_rss_reta_query(port, reta, size); });
}

int vlan_filter(rte_eth_dev* dev, std::uint16_t id, int on) {
    return on_all(
        dev, [&](std::uint16_t port) { return rte_eth_dev_vlan_filter(port, id, on); },
        [&](std::uint16_t port) { rte_eth_dev_vlan_filter(port, id, on != 0 ? 0 : 1); });
}

int flow_ops(rte_eth_dev*, const rte_flow_ops** ops) {
    *ops = &kFlowOps;
    return 0;
}

} // namespace dpdkbond::shared

// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/net_dpdkbond/shared.hpp"

#include <fmt/format.h>
#include <rte_errno.h>

#include <algorithm>
#include <cerrno>

namespace dpdkbond {

namespace {

// set(port) on each; at the first that refuses undo(port) on those before. 0 or that error.
template <class Set, class Undo> int on_all(const SharedSettings::Ports& ports, Set set, Undo undo) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const int rc = set(ports[i]);
        if (rc == 0) continue;
        while (i-- > 0) undo(ports[i]);
        return rc;
    }
    return 0;
}

int destroy_parts(rte_flow& flow, rte_flow_error& error) {
    int rc = 0;
    for (const rte_flow::Part& part : flow.parts)
        if (const int one = rte_flow_destroy(part.port, part.rule, &error); one != 0) rc = one;
    flow.parts.clear();
    return rc;
}

// The rule on one more member.
bool create_part(rte_flow& flow, std::uint16_t port, rte_flow_error& error) {
    const rte_flow_conv_rule& r = flow.rule();
    rte_flow* const part = rte_flow_create(port, r.attr, r.pattern, r.actions, &error);
    if (part == nullptr) return false;
    flow.parts.push_back({port, part});
    return true;
}

std::string reason(int code) { return rte_strerror(code < 0 ? -code : code); }

} // namespace

Result<void> SharedSettings::put_on(std::uint16_t port) {
    const auto refused = [&](const char* what, const std::string& why) {
        leave(port, false);
        return Error{fmt::format("{}: {}", what, why)};
    };
    for (const auto& flow : rules_) {
        rte_flow_error error{};
        if (!create_part(*flow, port, error))
            return refused("it refuses a flow rule that the others have",
                           error.message != nullptr ? error.message : reason(rte_errno));
    }
    for (std::uint16_t id = 0; id < vlans_.size(); ++id)
        if (vlans_[id])
            if (const int rc = rte_eth_dev_vlan_filter(port, id, 1); rc != 0)
                return refused("VLAN filter", reason(rc));
    if (rss_) {
        rte_eth_rss_conf conf = rss_->conf;
        if (const int rc = rte_eth_dev_rss_hash_update(port, &conf); rc != 0)
            return refused("RSS key and types", reason(rc));
    }
    if (!reta_.empty())
        if (const int rc = rte_eth_dev_rss_reta_update(port, reta_.data(), reta_size_); rc != 0)
            return refused("RSS redirection table", reason(rc));
    return {};
}

void SharedSettings::leave(std::uint16_t port, bool gone) {
    rte_flow_error ignored{};
    for (const auto& flow : rules_)
        std::erase_if(flow->parts, [&](const rte_flow::Part& part) {
            if (part.port != port) return false;
            if (!gone) rte_flow_destroy(port, part.rule, &ignored);
            return true;
        });
}

int SharedSettings::set_vlan(const Ports& on, std::uint16_t id, bool pass) {
    const int rc = on_all(
        on, [&](std::uint16_t port) { return rte_eth_dev_vlan_filter(port, id, pass ? 1 : 0); },
        [&](std::uint16_t port) { rte_eth_dev_vlan_filter(port, id, vlans_[id] ? 1 : 0); });
    if (rc == 0) vlans_[id] = pass;
    return rc;
}

int SharedSettings::set_rss(const Ports& on, const rte_eth_rss_conf& conf) {
    Rss wanted{conf, {}};
    if (conf.rss_key != nullptr) wanted.key.assign(conf.rss_key, conf.rss_key + conf.rss_key_len);
    if (conf.rss_key == nullptr && rss_) wanted.key = rss_->key; // it stays as it is
    if (!wanted.key.empty()) {
        wanted.conf.rss_key = wanted.key.data();
        wanted.conf.rss_key_len = static_cast<std::uint8_t>(wanted.key.size());
    }
    const auto put = [](std::uint16_t port, const Rss& rss) {
        rte_eth_rss_conf c = rss.conf;
        return rte_eth_dev_rss_hash_update(port, &c);
    };
    std::vector<std::uint8_t> key(256);
    rte_eth_rss_conf before{};
    before.rss_key = key.data();
    before.rss_key_len = 0;
    const bool known = !on.empty() && rte_eth_dev_rss_hash_conf_get(on.front(), &before) == 0;
    const int rc = on_all(
        on, [&](std::uint16_t port) { return put(port, wanted); },
        [&](std::uint16_t port) {
            if (known) rte_eth_dev_rss_hash_update(port, &before);
        });
    if (rc != 0) return rc;
    rss_ = std::move(wanted);
    if (!rss_->key.empty()) rss_->conf.rss_key = rss_->key.data();
    return 0;
}

int SharedSettings::set_reta(const Ports& on, const rte_eth_rss_reta_entry64* reta, std::uint16_t size) {
    const std::size_t groups = (size + RTE_ETH_RETA_GROUP_SIZE - 1U) / RTE_ETH_RETA_GROUP_SIZE;
    std::vector<rte_eth_rss_reta_entry64> wanted(reta, reta + groups), before(groups);
    for (auto& group : before) group.mask = ~std::uint64_t{0};
    const bool known = !on.empty() && rte_eth_dev_rss_reta_query(on.front(), before.data(), size) == 0;
    const int rc = on_all(
        on, [&](std::uint16_t port) { return rte_eth_dev_rss_reta_update(port, wanted.data(), size); },
        [&](std::uint16_t port) {
            if (known) rte_eth_dev_rss_reta_update(port, before.data(), size);
        });
    if (rc != 0) return rc;
    if (reta_size_ != size) reta_.clear();
    reta_.resize(groups);
    reta_size_ = size;
    for (std::size_t g = 0; g < groups; ++g)
        for (unsigned i = 0; i < RTE_ETH_RETA_GROUP_SIZE; ++i)
            if ((wanted[g].mask >> i & 1U) != 0) {
                reta_[g].mask |= std::uint64_t{1} << i;
                reta_[g].reta[i] = wanted[g].reta[i];
            }
    return 0;
}

rte_flow* SharedSettings::create(const Ports& on, const rte_flow_attr& attr, const rte_flow_item* pattern,
                                 const rte_flow_action* actions, rte_flow_error& error) {
    rte_flow_conv_rule rule{};
    rule.attr_ro = &attr;
    rule.pattern_ro = pattern;
    rule.actions_ro = actions;
    auto flow = std::make_unique<rte_flow>();
    const int size = rte_flow_conv(RTE_FLOW_CONV_OP_RULE, nullptr, 0, &rule, &error);
    if (size < 0) return nullptr;
    const auto bytes = static_cast<std::size_t>(size);
    flow->copy.resize((bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t));
    if (rte_flow_conv(RTE_FLOW_CONV_OP_RULE, flow->copy.data(), bytes, &rule, &error) < 0) return nullptr;
    for (const std::uint16_t port : on)
        if (!create_part(*flow, port, error)) {
            const int code = rte_errno;
            rte_flow_error ignored{};
            destroy_parts(*flow, ignored);
            rte_errno = code;
            return nullptr;
        }
    return rules_.emplace_back(std::move(flow)).get();
}

int SharedSettings::destroy(rte_flow* flow, rte_flow_error& error) {
    const auto it = std::ranges::find(rules_, flow, [](const auto& r) { return r.get(); });
    if (it == rules_.end())
        return rte_flow_error_set(&error, EINVAL, RTE_FLOW_ERROR_TYPE_HANDLE, flow, "there is no such rule");
    const int rc = destroy_parts(**it, error);
    rules_.erase(it);
    return rc;
}

int SharedSettings::flush(rte_flow_error& error) {
    int rc = 0;
    for (const auto& flow : rules_)
        if (const int one = destroy_parts(*flow, error); one != 0) rc = one;
    rules_.clear();
    return rc;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "host/stack.hpp"

#include <algorithm>

namespace dpdkbond {

namespace {

constexpr int kMaxDepth = 8; // the kernel's own limit of nesting (MAX_NEST_DEV)
constexpr std::uint16_t kDot1q = 0x8100;

} // namespace

bool is_stacked(const LinkEvent& link) {
    return link.iflink != 0 &&
           (link.kind == "vlan" || link.kind == "macvlan" || link.kind == "macvtap" || link.kind == "ipvlan");
}

void Stack::handle(const LinkEvent& link) {
    const Key key{link.nsid, link.ifindex};
    if (!link.deleted) {
        links_[key] = link;
        return;
    }
    links_.erase(key);
    addresses_.erase(key);
    forwarding_.erase(key);
}

void Stack::handle(const AddressEvent& address) {
    const Key key{address.nsid, address.ifindex};
    auto& all = addresses_[key];
    const auto known = std::ranges::find(all, address.prefix, &AddressEvent::prefix);
    if (address.added && !address.tentative) {
        if (known != all.end())
            *known = address;
        else
            all.push_back(address);
    } else if (known != all.end()) {
        all.erase(known);
    }
}

void Stack::handle(const ForwardingEvent& forwarding) {
    const Key key{forwarding.nsid, forwarding.ifindex};
    if (forwarding.on)
        forwarding_.insert(key);
    else
        forwarding_.erase(key);
}

void Stack::forget_namespace(int nsid) {
    std::erase_if(links_, [&](const auto& entry) { return entry.first.first == nsid; });
    std::erase_if(addresses_, [&](const auto& entry) { return entry.first.first == nsid; });
    std::erase_if(forwarding_, [&](const Key& key) { return key.first == nsid; });
}

template <class Visit>
void Stack::walk(const Key& at, const Tags& tags, int depth, const Visit& visit) const {
    const auto here = links_.find(at);
    if (here == links_.end() || !here->second.admin_up || depth > kMaxDepth) return;
    visit(here->second, tags);
    const Key master{at.first, here->second.master_ifindex};
    if (const auto bridge = links_.find(master); bridge != links_.end() && bridge->second.kind == "bridge")
        walk(master, tags, depth + 1, visit);
    for (const auto& [key, upper] : links_) {
        if (!is_stacked(upper) || Key{upper.lower_nsid, upper.iflink} != at || key == at) continue;
        Tags below = tags;
        if (upper.kind == "vlan") below.push_back({upper.vlan_protocol, upper.vlan_id});
        walk(key, below, depth + 1, visit);
    }
}

std::vector<StackedAddress> Stack::addresses(int ifindex) const {
    std::vector<StackedAddress> all;
    walk({kOwnNamespace, ifindex}, {}, 0, [&](const LinkEvent& link, const Tags& tags) {
        const auto at = addresses_.find({link.nsid, link.ifindex});
        if (at == addresses_.end()) return;
        const bool forwards = forwarding_.contains({link.nsid, link.ifindex});
        for (const AddressEvent& a : at->second)
            all.push_back({a.prefix, link.mac, tags, a.prefix.is_v6 && forwards, a.secondary, a.deprecated});
    });
    return all;
}

std::vector<StackedDevice> Stack::devices(int ifindex) const {
    std::vector<StackedDevice> all;
    walk({kOwnNamespace, ifindex}, {}, 0, [&](const LinkEvent& link, const Tags& tags) {
        all.push_back({link.name, link.ifindex, link.nsid, link.mac, tags});
    });
    return all;
}

std::optional<std::vector<std::string>> Stack::uses(int ifindex) const {
    const Key at{kOwnNamespace, ifindex};
    const auto here = links_.find(at);
    if (here == links_.end()) return std::nullopt;
    std::vector<std::string> uses;
    if (const int master = here->second.master_ifindex; master != 0) {
        const auto found = links_.find({kOwnNamespace, master});
        uses.push_back("master " + (found != links_.end() ? found->second.name : std::to_string(master)));
    }
    if (const auto addresses = addresses_.find(at); addresses != addresses_.end())
        for (const AddressEvent& a : addresses->second)
            if (!a.is_v6_link_local()) uses.push_back("address " + a.prefix.to_string());
    for (const auto& [key, upper] : links_)
        if (stands_on(upper, ifindex)) uses.push_back(upper.kind + " " + upper.name);
    return uses;
}

std::vector<std::string> netdev_uses(int ifindex) {
    Stack stack;
    if (const auto links = list_links())
        for (const LinkEvent& link : links.value()) stack.handle(link);
    if (const auto addresses = list_addresses(ifindex))
        for (const AddressEvent& address : addresses.value()) stack.handle(address);
    return stack.uses(ifindex).value_or(std::vector<std::string>{});
}

bool Stack::has_address(int ifindex, const IpPrefix& prefix) const {
    const auto at = addresses_.find({kOwnNamespace, ifindex});
    return at != addresses_.end() &&
           std::ranges::find(at->second, prefix, &AddressEvent::prefix) != at->second.end();
}

std::set<std::uint16_t> Stack::vlans(int ifindex) const {
    std::set<std::uint16_t> ids;
    walk({kOwnNamespace, ifindex}, {}, 0, [&](const LinkEvent&, const Tags& tags) {
        if (!tags.empty() && tags[0].protocol == kDot1q) ids.insert(tags[0].id);
    });
    return ids;
}

} // namespace dpdkbond

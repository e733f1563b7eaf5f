// SPDX-License-Identifier: BSD-3-Clause
#include "ports/logical_watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "dpdk/clock.hpp"

namespace dpdkbond {

namespace {

// Groups between the two ends of a wire. No kernel message tells of joining them, so they are always
// received: bridges' (STP), slow protocols (LACP), port access, LLDP.
constexpr Mac link_local(std::uint8_t last) { return {{0x01, 0x80, 0xc2, 0, 0, last}}; }
constexpr Mac kAlways[] = {link_local(0x00), link_local(0x02), link_local(0x03), link_local(0x0e)};

// A tap cannot filter addresses: the kernel makes it promiscuous while it has a list of them, which is not
// what anybody asked for.
bool is_promiscuous(const LinkEvent& link, const ReceiveList& list) {
    const std::uint32_t by_list = link.kind == "tun" && !list.unicast.empty() ? 1 : 0;
    return link.promisc || link.promiscuity > by_list;
}

bool is_all_groups(const LinkEvent& link) { return link.allmulti || link.allmulti_count != 0; }

// A list too long to look things up in: everything of its kind goes up.
RxFilter filter_of(const LinkEvent& link, const ReceiveList& list) {
    RxFilter filter;
    filter.up = link.admin_up;
    filter.all_unicast = is_promiscuous(link, list);
    filter.all_groups = is_all_groups(link);
    for (const Mac& mac : list.unicast) filter.all_unicast |= !filter.macs.push_back(mac);
    for (const Mac& mac : list.groups) filter.all_groups |= !filter.macs.push_back(mac);
    return filter;
}

// `too_deep` counts those below more tags than a frame of ours may carry.
LocalAddresses local_addresses(const Stack& stack, const LinkEvent& link, std::size_t& too_deep) {
    LocalAddresses out;
    for (const StackedAddress& a : stack.addresses(link.ifindex)) {
        LocalAddress local{.prefix = a.prefix,
                           .mac = a.mac == link.mac ? Mac{} : a.mac,
                           .tags = {},
                           .router = a.router,
                           .secondary = a.secondary,
                           .deprecated = a.deprecated};
        bool fits = true;
        for (const auto& tag : a.tags) fits &= local.tags.push_back({tag.protocol, tag.id});
        if (fits)
            out.push_back(local);
        else
            ++too_deep;
    }
    return out;
}

} // namespace

void LogicalWatch::handle(const LinkEvent& link) {
    const std::lock_guard lock(mutex_);
    stack_.handle(link);
    // A device that comes, goes, or is set up anywhere on top changes the list of the one below without a
    // word.
    reread_ |= is_stacked(link);
    for (const auto& [bond, l] : logicals_)
        reread_ |= link.ifindex == l.ifindex && (link.nsid != kOwnNamespace) == l.elsewhere;
    restack_ = true;
}

void LogicalWatch::handle(const AddressEvent& address) {
    const std::lock_guard lock(mutex_);
    stack_.handle(address);
    for (const auto& [bond, l] : logicals_) reread_ |= l.elsewhere && address.ifindex == l.ifindex;
    restack_ = true;
}

void LogicalWatch::handle(const ForwardingEvent& forwarding) {
    const std::lock_guard lock(mutex_);
    stack_.handle(forwarding);
    restack_ = true;
}

void LogicalWatch::forget_namespace(int nsid) {
    const std::lock_guard lock(mutex_);
    stack_.forget_namespace(nsid);
    reread_ = restack_ = true;
}

void LogicalWatch::reread() {
    const std::lock_guard lock(mutex_);
    reread_ = true;
}

void LogicalWatch::settle() {
    const std::lock_guard lock(mutex_);
    if (reread_ || restack_)
        for (auto& [bond, l] : logicals_) {
            if (l.netdev.empty()) continue;
            if (reread_) look(bond, l);
            look_at_addresses(bond, l);
            look_at_expected(l);
        }
    if (reread_ || restack_)
        for (Watched& member : members_) look_at_uses(member);
    reread_ = restack_ = false;
    for (auto& [bond, l] : logicals_) tell_missing(bond, l);
}

// Puts the bond's MAC back on a netdev that has another when it is first looked at: udev (MACAddressPolicy)
// may have changed it since we made it, when nobody watched yet. With two different ones nothing is received:
// the kernel refuses frames to the bond's, our filter those to the netdev's.
void LogicalWatch::keep_mac(std::uint32_t bond, const Logical& l, const Mac& mac) {
    Mac own{};
    control_.call([&] {
        if (const BondCore* core = control_.bond(bond)) own = core->bond.mac();
    });
    if (!own.is_zero() && own != mac)
        (void)l.port->visit([&](const LinkEvent& at) { return dpdkbond::set_mac(at.ifindex, own); });
}

void LogicalWatch::take_mac(std::uint32_t bond, Logical& l, const Mac& mac) {
    Mac before = mac, kept = mac;
    control_.call([&] {
        BondCore* core = control_.bond(bond);
        if (core == nullptr) return;
        before = core->bond.mac();
        if (before != mac) core->bond.set_mac(mac, now());
        kept = core->bond.mac();
    });
    if (before == mac || l.mac_before_hand == mac) // the bond's own doing, or somebody has put it back
        l.mac_before_hand.reset();
    else if (kept == mac && !l.mac_before_hand && !before.is_zero())
        l.mac_before_hand = before;
    // With fail_over_mac active it is the active member's, whatever anybody says.
    if (kept != mac)
        (void)l.port->visit([&](const LinkEvent& at) { return dpdkbond::set_mac(at.ifindex, kept); });
}

// The MTU that holds from now on.
std::uint32_t LogicalWatch::take_mtu(std::uint32_t bond, const Logical& l, std::uint32_t mtu) {
    if (mtu > l.max_mtu && l.wishes.mtu != 0) {
        control_.warn(
            bond, kNoMember,
            fmt::format(
                "packet buffers of this run hold an MTU of {}, not of {}; it stays {}. Set logical.mtu "
                "in the file and restart",
                l.max_mtu, mtu, l.wishes.mtu));
        (void)l.port->visit([&](const LinkEvent& at) { return dpdkbond::set_mtu(at.ifindex, l.wishes.mtu); });
        return l.wishes.mtu;
    }
    control_.call([&] {
        if (BondCore* core = control_.bond(bond)) core->bond.set_mtu(mtu, now());
    });
    return mtu;
}

void LogicalWatch::look(std::uint32_t bond, Logical& l) {
    std::optional<LinkEvent> link;
    ReceiveList list;
    std::vector<IpPrefix> there;
    const auto found = l.port->visit([&](const LinkEvent& at) -> Result<void> {
        link = at;
        if (auto read = receive_list(at.ifindex)) list = std::move(read).value();
        if (at.nsid == kOwnNamespace) return {};
        const auto addresses = list_addresses(at.ifindex);
        for (const AddressEvent& a : addresses ? addresses.value() : std::vector<AddressEvent>{})
            if (!a.tentative) there.push_back(a.prefix);
        return {};
    });
    if (!found || !link) {
        if (l.seen && !std::exchange(l.lost, true)) {
            l.filter = {}; // it wants nothing more
            l.filter.up = false;
            l.link.admin_up = false;
            control_.warn(
                bond, kNoMember,
                fmt::format("netdev {} has been deleted: nothing can use the bond until a reload makes "
                            "it again",
                            l.netdev));
        }
    } else {
        l.lost = false;
        const bool elsewhere = link->nsid != kOwnNamespace;
        if (l.seen && link->name != l.netdev)
            control_.warn(bond, kNoMember, fmt::format("netdev {} is called {} now", l.netdev, link->name));
        if (l.seen && elsewhere != l.elsewhere)
            control_.warn(
                bond, kNoMember,
                fmt::format("netdev {} is in {} network namespace: what is stacked on it {} announced",
                            link->name, elsewhere ? "another" : "its first",
                            elsewhere ? "there is not" : "is"));
        l.netdev = link->name;
        l.ifindex = link->ifindex;
        l.elsewhere = elsewhere;
        l.there = std::move(there);
        const LinkEvent& at = *link;
        if (!l.seen)
            keep_mac(bond, l, at.mac);
        else if (at.mac != l.link.mac)
            take_mac(bond, l, at.mac);
        if (!l.seen || at.mtu != l.link.mtu) l.wishes.mtu = take_mtu(bond, l, at.mtu);
        l.link = at;
        l.list = std::move(list);
        l.seen = true;
        l.filter = filter_of(at, l.list);
        ReceiveWishes& wishes = l.wishes.receive;
        wishes.promiscuous = l.filter.all_unicast;
        // Without word of what is joined a device could keep from us what software would let pass.
        wishes.all_groups = l.filter.all_groups || !tells_groups_;
        wishes.unicast = l.list.unicast;
        wishes.groups = l.list.groups;
        for (const Mac& mac : kAlways)
            if (std::ranges::find(wishes.groups, mac) == wishes.groups.end()) wishes.groups.push_back(mac);
        wishes.vlans = l.elsewhere ? std::set<std::uint16_t>{} : stack_.vlans(l.ifindex);
    }
    tell_members(bond, l.wishes); // before software lets it pass
    control_.call([&] {
        if (BondCore* core = control_.bond(bond)) core->bond.set_filter(l.filter, now());
    });
}

void LogicalWatch::add_routes(std::uint32_t bond, const Logical& l, LocalAddresses& addresses) const {
    const auto targets = targets_.find(bond);
    if (targets == targets_.end()) return;
    const auto routes = routes_to(targets->second);
    if (!routes) return;
    const std::vector<StackedDevice> devices = stack_.devices(l.ifindex);
    for (std::size_t i = 0; i < targets->second.size(); ++i) {
        const auto& route = routes.value()[i];
        const auto is_way = [&](const StackedDevice& d) {
            return d.nsid == kOwnNamespace && d.ifindex == route->ifindex;
        };
        if (!route || std::ranges::none_of(devices, is_way)) continue;
        const auto source = std::ranges::find_if(addresses, [&](const LocalAddress& a) {
            IpPrefix alone = a.prefix;
            alone.length = route->source.length;
            return alone == route->source;
        });
        if (source != addresses.end()) source->routes.push_back({targets->second[i], route->direct});
    }
}

void LogicalWatch::set_targets(std::uint32_t bond, std::vector<IpPrefix> targets) {
    const std::lock_guard lock(mutex_);
    if (targets.empty())
        targets_.erase(bond);
    else
        targets_[bond] = std::move(targets);
    if (const auto l = logicals_.find(bond); l != logicals_.end()) look_at_addresses(bond, l->second);
}

void LogicalWatch::look_at_routes() {
    const std::lock_guard lock(mutex_);
    restack_ = restack_ || !targets_.empty();
}

void LogicalWatch::look_at_addresses(std::uint32_t bond, Logical& l) {
    if (!l.seen) return;
    if (auto vlans = l.elsewhere ? l.wishes.receive.vlans : stack_.vlans(l.ifindex);
        vlans != l.wishes.receive.vlans) {
        l.wishes.receive.vlans = std::move(vlans);
        tell_members(bond, l.wishes);
    }
    std::size_t too_deep = 0;
    LocalAddresses addresses;
    if (l.elsewhere)
        for (const IpPrefix& prefix : l.there) addresses.push_back({.prefix = prefix, .mac = {}, .tags = {}});
    else
        addresses = local_addresses(stack_, l.link, too_deep);
    if (!l.elsewhere) add_routes(bond, l, addresses);
    if (too_deep > std::exchange(l.too_deep, too_deep))
        control_.warn(bond, kNoMember,
                      fmt::format("{} addresses are on VLANs nested deeper than the {} tags that an "
                                  "announcement may carry: they are not announced",
                                  too_deep, kMaxVlanTags));
    if (std::ranges::equal(addresses, l.addresses)) return;
    l.addresses = addresses;
    control_.call([&] {
        if (BondCore* core = control_.bond(bond)) core->bond.set_addresses(addresses);
    });
}

void LogicalWatch::tell_members(std::uint32_t bond, const MemberWishes& wishes) {
    for (const Watched& w : members_)
        if (w.bond == bond) tell_member(bond, *w.port, wishes);
}

void LogicalWatch::tell_member(std::uint32_t bond, MemberPort& member, const MemberWishes& wishes) {
    const std::vector<std::string> warnings = member.follow(wishes);
    const bool sorts = member.receive_mode().sorts;
    control_.call([&] {
        BondCore* core = control_.bond(bond);
        if (core == nullptr) return;
        core->bond.set_sorts_itself(member.id, sorts);
        for (const std::string& w : warnings) core->bond.note(EventKind::warning, member.id, w, now());
    });
}

void LogicalWatch::watch(std::uint32_t bond, const LogicalPort& port, std::uint32_t mtu,
                         std::uint32_t max_mtu) {
    const std::lock_guard lock(mutex_);
    Logical& l = logicals_[bond] = Logical{};
    l.port = &port;
    l.wishes.mtu = mtu;
    l.max_mtu = max_mtu;
    if (!port.in_kernel()) { // the program behind it may use any address
        tell_members(bond, l.wishes);
        return;
    }
    l.netdev = port.netdev();
    look(bond, l);
    look_at_addresses(bond, l);
}

void LogicalWatch::forget(std::uint32_t bond) {
    const std::lock_guard lock(mutex_);
    logicals_.erase(bond);
    targets_.erase(bond);
}

void LogicalWatch::add_member(std::uint32_t bond, MemberPort& member) {
    const std::lock_guard lock(mutex_);
    members_.push_back({bond, &member, member.uses_before()});
    restack_ = true; // what has come since
    if (const auto l = logicals_.find(bond); l != logicals_.end())
        tell_member(bond, member, l->second.wishes);
}

void LogicalWatch::tell_members(std::uint32_t bond) {
    const std::lock_guard lock(mutex_);
    if (const auto l = logicals_.find(bond); l != logicals_.end()) tell_members(bond, l->second.wishes);
}

void LogicalWatch::remove_member(MemberPort& member) {
    const std::lock_guard lock(mutex_);
    std::erase_if(members_, [&](const Watched& w) { return w.port == &member; });
}

LogicalFacts LogicalWatch::view(std::uint32_t bond) const {
    const std::lock_guard lock(mutex_);
    LogicalFacts view;
    const auto found = logicals_.find(bond);
    if (found == logicals_.end() || !found->second.seen) return view;
    const Logical& l = found->second;
    view.known = true;
    view.gone = l.lost;
    view.name = l.netdev;
    view.up = l.link.admin_up;
    view.mac = l.link.mac;
    view.mac_before_hand = l.mac_before_hand;
    view.promiscuous = l.filter.all_unicast;
    view.all_groups = l.filter.all_groups;
    view.unicast = l.list.unicast.size();
    view.groups = l.list.groups.size();
    view.addresses = l.addresses.size();
    view.vlans = l.wishes.receive.vlans;
    return view;
}

} // namespace dpdkbond

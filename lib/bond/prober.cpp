// SPDX-License-Identifier: BSD-3-Clause
#include "bond/prober.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace dpdkbond {

namespace {

IpPrefix whole(Ipv4 a) { return {.is_v6 = false, .v4 = a, .v6 = {}, .length = 32}; }
IpPrefix whole(Ipv6 a) { return {.is_v6 = true, .v4 = {}, .v6 = a, .length = 128}; }

bool same_address(const IpPrefix& a, const IpPrefix& b) {
    return a.is_v6 == b.is_v6 && (a.is_v6 ? a.v6 == b.v6 : a.v4 == b.v4);
}

bool is_unspecified(const IpPrefix& a) { return a.is_v6 ? a.v6 == Ipv6{} : a.v4 == Ipv4{}; }

template <std::size_t N>
bool same_bits(const std::array<std::uint8_t, N>& a, const std::array<std::uint8_t, N>& b, unsigned bits) {
    const std::size_t whole_bytes = std::min<std::size_t>(bits / 8, N);
    if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole_bytes), b.begin())) return false;
    if (whole_bytes == N || bits % 8 == 0) return true;
    return ((a[whole_bytes] ^ b[whole_bytes]) >> (8 - bits % 8)) == 0;
}

bool holds(const IpPrefix& network, const IpPrefix& target) {
    if (network.is_v6 != target.is_v6) return false;
    return network.is_v6 ? same_bits(network.v6.bytes, target.v6.bytes, network.length)
                         : same_bits(network.v4.bytes, target.v4.bytes, network.length);
}

// A link-local address reaches link-local targets only.
bool is_link_local(const IpPrefix& a) {
    return a.is_v6 && a.v6.bytes[0] == 0xfe && (a.v6.bytes[1] & 0xc0U) == 0x80;
}

} // namespace

ProbeSource probe_source(const LocalAddresses& addresses, const IpPrefix& target, const Mac& mac,
                         bool* reached) {
    const LocalAddress* best = nullptr;
    bool on_link = false;
    std::tuple<bool, bool, unsigned, bool, bool> best_rank;
    for (const LocalAddress& a : addresses) {
        if (a.prefix.is_v6 != target.is_v6 || is_link_local(a.prefix) != is_link_local(target)) continue;
        const bool in_network = holds(a.prefix, target);
        const auto route =
            std::ranges::find_if(a.routes, [&](const auto& r) { return same_address(r.to, target); });
        const bool routed = route != a.routes.end();
        const std::tuple rank(routed, in_network, in_network ? unsigned{a.prefix.length} : 0U, !a.deprecated,
                              !a.secondary);
        if (best != nullptr && rank <= best_rank) continue;
        best = &a;
        best_rank = rank;
        on_link = in_network || (routed && route->direct);
    }
    if (reached != nullptr) *reached = on_link;
    if (best == nullptr) return {.address = {.is_v6 = target.is_v6}, .mac = mac, .tags = {}};
    return {.address = best->prefix, .mac = best->mac.is_zero() ? mac : best->mac, .tags = best->tags};
}

void Prober::set_options(const BondOptions& options, bool one_active, Time now) {
    if (!std::ranges::equal(v4_, options.arp_ip_target) || !std::ranges::equal(v6_, options.ns_ip6_target))
        ++lists_;
    v4_.clear();
    v6_.clear();
    for (const Ipv4& t : options.arp_ip_target) v4_.push_back(t);
    for (const Ipv6& t : options.ns_ip6_target) v6_.push_back(t);
    asking_ = {};
    monitor_.set_rules({.interval = std::chrono::milliseconds(options.arp_interval),
                        .missed_max = options.arp_missed_max,
                        .one_active = one_active,
                        .validate = static_cast<std::uint8_t>(options.arp_validate),
                        .all_targets = options.arp_all_targets,
                        .targets = targets(),
                        .list = lists_},
                       now);
    monitor_.set_ready(askable(), now);
}

void Prober::heed_addresses(Time now) {
    if (std::exchange(addresses_are_new_, false)) monitor_.set_ready(askable(), now);
}

IpPrefix Prober::target(std::size_t number) const {
    return number < v4_.size() ? whole(v4_[number]) : whole(v6_[number - v4_.size()]);
}

std::uint32_t Prober::targets() const {
    return static_cast<std::uint32_t>((std::uint64_t{1} << (v4_.size() + v6_.size())) - 1);
}

// The targets on the link of an address of ours. Of another one it is not certain that it is asked on the
// right VLAN: its silence counts only once it has answered (handle_heard()).
std::uint32_t Prober::askable() const {
    std::uint32_t mask = 0;
    for (std::size_t t = 0; t < v4_.size() + v6_.size(); ++t) {
        bool reached = false;
        (void)probe_source(addresses_, target(t), {}, &reached);
        if (reached) mask |= 1U << t;
    }
    return mask;
}

bool Prober::is_own(const IpPrefix& address, const IpPrefix& asked) const {
    for (const LocalAddress& a : addresses_)
        if (same_address(a.prefix, address)) return true;
    return is_unspecified(address) && is_unspecified(probe_source(addresses_, asked, {}).address);
}

template <class Address>
void Prober::handle_heard(MemberId id, const std::optional<HeardProbe<Address>>& heard, std::size_t first,
                          Time now) {
    if (!heard) return;
    const std::size_t number = first + heard->target;
    if (!heard->to_all && !is_own(whole(heard->own), target(number))) return;
    if (!heard->echo) monitor_.set_ready(1U << number, now); // it answers, with an address of ours or without
    monitor_.handle_sign(id, {static_cast<std::uint8_t>(number), heard->echo, heard->answer}, now);
}

void Prober::handle_frame(MemberId id, Bytes frame, Time now) {
    if (!on()) return;
    monitor_.handle_neighbor(id, now);
    handle_heard(id, hear_arp(frame, {v4_.begin(), v4_.size()}), 0, now);
    handle_heard(id, hear_nd(frame, {v6_.begin(), v6_.size()}), v4_.size(), now);
}

WatcherSet Prober::watching() const {
    if (!on()) return {};
    return WatcherSet{}.add(Watcher::arp, !v4_.empty()).add(Watcher::ns, !v6_.empty());
}

WatcherSet Prober::objections(MemberId id) const {
    if (!on() || up(id)) return {};
    const std::uint32_t silent = monitor_.silent_targets(id);
    const std::uint32_t of_v4 = (1U << v4_.size()) - 1;
    const WatcherSet set =
        WatcherSet{}.add(Watcher::arp, (silent & of_v4) != 0).add(Watcher::ns, (silent & ~of_v4) != 0);
    return set.empty() ? watching() : set;
}

std::string Prober::describe(MemberId id) const {
    std::string text;
    std::uint32_t silent = monitor_.silent_targets(id);
    if (silent == 0) silent = targets();
    bool told_v6 = false;
    for (std::size_t t = 0; t < v4_.size() + v6_.size(); ++t) {
        if ((silent >> t & 1U) == 0) continue;
        const IpPrefix a = target(t);
        if (!text.empty()) text += ", ";
        if (a.is_v6 ? !std::exchange(told_v6, true) : text.empty())
            text += std::string(watcher_name(a.is_v6 ? Watcher::ns : Watcher::arp)) + " ";
        text += a.is_v6 ? a.v6.to_string() : a.v4.to_string();
    }
    return text;
}

MemberId Prober::next_asker() {
    if (!on()) return kNoMember;
    if (asking_.empty()) {
        asking_ = monitor_.take_probes();
        next_target_ = 0;
    }
    return asking_.first();
}

bool Prober::poll_transmit(const Mac& mac, OwnFrame& out) {
    out.member = next_asker();
    if (out.member == kNoMember) return false;
    const IpPrefix asked = target(next_target_);
    const ProbeSource source = probe_source(addresses_, asked, mac);
    out.length = static_cast<std::uint16_t>(asked.is_v6 ? build_ns_probe(out.frame, asked.v6, source)
                                                        : build_arp_probe(out.frame, asked.v4, source));
    if (++next_target_ == v4_.size() + v6_.size()) {
        next_target_ = 0;
        asking_.remove(asking_.first());
    }
    return true;
}

} // namespace dpdkbond

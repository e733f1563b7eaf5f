// SPDX-License-Identifier: BSD-3-Clause
// What somebody else does to the netdevs of a bond: it is told as it comes and goes.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "dpdk/clock.hpp"
#include "ports/logical_watch.hpp"

namespace dpdkbond {

namespace {

constexpr auto kOneDeed = std::chrono::milliseconds(100); // what goes within it goes into one line

} // namespace

void LogicalWatch::tell(std::uint32_t bond, MemberId member, EventKind kind, TellLimit& limit,
                        const std::string& what) {
    switch (limit.ask(now())) {
    case TellLimit::May::tell: control_.warn(bond, member, what, kind); return;
    case TellLimit::May::tell_last:
        control_.warn(bond, member, what + "; no more of this for a minute", kind);
        return;
    case TellLimit::May::be_silent: return;
    }
}

void LogicalWatch::look_at_uses(Watched& w) {
    auto uses = w.port->ifindex() != 0 ? stack_.uses(w.port->ifindex()) : std::nullopt;
    if (!uses) return;
    const auto lacks = [](const auto& list, const std::string& use) {
        return std::ranges::find(list, use) == list.end();
    };
    for (const std::string& use : *uses) // what was there when it became a member has been told then
        if (lacks(w.uses, use))
            tell(w.bond, w.port->id, EventKind::warning, w.limit,
                 fmt::format("its netdev has {} now; as a member it serves the bond alone", use));
    for (const std::string& use : w.uses)
        if (lacks(*uses, use))
            tell(w.bond, w.port->id, EventKind::device_changed, w.limit,
                 fmt::format("its netdev has {} no longer", use));
    w.uses = *std::move(uses);
}

void LogicalWatch::expect_addresses(std::uint32_t bond, const std::vector<IpPrefix>& addresses) {
    const std::lock_guard lock(mutex_);
    const auto l = logicals_.find(bond);
    if (l == logicals_.end()) return;
    l->second.expected.clear();
    l->second.missing.clear();
    for (const IpPrefix& a : addresses) l->second.expected.emplace_back(a, false);
    restack_ = true;
}

void LogicalWatch::look_at_expected(Logical& l) {
    if (!l.seen || l.lost || l.elsewhere) return;
    for (auto& [address, seen] : l.expected) {
        const bool is = stack_.has_address(l.ifindex, address);
        if (seen && !is && std::ranges::find(l.missing, address) == l.missing.end()) {
            if (l.missing.empty()) l.missing_since = now();
            l.missing.push_back(address);
        }
        seen = is;
    }
}

void LogicalWatch::tell_missing(std::uint32_t bond, Logical& l) {
    if (l.lost || l.elsewhere) l.missing.clear(); // that is told instead
    if (l.missing.empty() || now() - l.missing_since < kOneDeed) return;
    std::vector<IpPrefix> lost = std::exchange(l.missing, {});
    // By now it may be there again, or only be tentative.
    const auto has = list_addresses(l.ifindex);
    std::erase_if(lost, [&](const IpPrefix& a) {
        return !has || std::ranges::find(has.value(), a, &AddressEvent::prefix) != has.value().end();
    });
    if (lost.empty()) return;
    // The kernel takes IPv6 addresses away from what is set down.
    const std::string why = !l.link.admin_up   ? "it was set down"
                            : lost.size() == 1 ? "somebody has deleted it"
                                               : "somebody has deleted them";
    tell(bond, kNoMember, EventKind::warning, l.limit,
         fmt::format("address {}{} gone from {}: {}; a reload puts {} back", lost[0].to_string(),
                     lost.size() == 1 ? " is" : fmt::format(" and {} more are", lost.size() - 1), l.netdev,
                     why, lost.size() == 1 ? "it" : "them"));
}

} // namespace dpdkbond

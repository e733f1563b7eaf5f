// SPDX-License-Identifier: BSD-3-Clause
#include "ports/waiting.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "host/netlink.hpp"
#include "host/pci.hpp"

namespace dpdkbond {

namespace {

constexpr Duration kFirstPause = std::chrono::seconds(1), kLongestPause = std::chrono::seconds(30);

} // namespace

std::string socket_netdev(const std::string& device) {
    for (const char* driver : {"net_af_packet", "net_af_xdp", "net_pcap"})
        if (device.starts_with(driver)) return devargs_value(device, "iface");
    return {};
}

std::string why_absent(const MemberConfig& member, const std::string& sys) {
    if (member.is_pci()) {
        const auto address = PciAddress::parse(devargs_head(member.device));
        if (!address) return {};
        std::error_code none;
        const auto at = std::filesystem::path(sys) / "bus/pci/devices" / address->to_string();
        if (std::filesystem::exists(at, none)) return {};
        return "no such device: there is no PCI device " + address->to_string();
    }
    const std::string netdev = socket_netdev(member.device);
    if (netdev.empty()) return {};
    const auto link = get_link(netdev);
    return link ? std::string() : "no such device: " + link.error();
}

WaitingMember* WaitingMembers::find(std::string_view name) {
    const auto at = std::ranges::find(members_, name, [](const auto& w) { return w.config.name; });
    return at != members_.end() ? &*at : nullptr;
}

void WaitingMembers::add(const MemberConfig& member, std::string reason, Time now) {
    const WaitingMember* before = find(member.name);
    const Time since = before != nullptr ? before->since : now;
    const LeftBehind had = before != nullptr ? before->had : LeftBehind{};
    std::erase_if(members_, [&](const auto& w) { return w.config.name == member.name; });
    members_.push_back({member, std::move(reason), since, now, kFirstPause, had});
}

void WaitingMembers::add(const MemberConfig& member, std::string reason, Time now, const LeftBehind& had) {
    add(member, std::move(reason), now);
    find(member.name)->had = had;
}

void WaitingMembers::clear_counters() {
    for (WaitingMember& w : members_) w.had.counters = {};
}

bool WaitingMembers::remove(std::string_view name, Time now) {
    const bool was_there = std::erase_if(members_, [&](const auto& w) { return w.config.name == name; }) != 0;
    if (was_there) last_left_ = now;
    return was_there;
}

std::vector<MemberConfig> WaitingMembers::configs() const {
    std::vector<MemberConfig> out;
    for (const WaitingMember& w : members_) out.push_back(w.config);
    return out;
}

std::vector<MemberConfig> WaitingMembers::due(Time now, const WhyAbsent& why) {
    std::vector<MemberConfig> out;
    for (WaitingMember& w : members_) {
        if (std::string absent = why(w.config); !absent.empty()) {
            w.reason = std::move(absent); // when it appears it is tried at once
            w.next_try = now;
            w.pause = kFirstPause;
        } else if (now >= w.next_try) {
            out.push_back(w.config);
        }
    }
    return out;
}

bool WaitingMembers::failed(std::string_view name, const std::string& reason, Time now) {
    WaitingMember* w = find(name);
    if (w == nullptr) return false;
    w->next_try = now + w->pause;
    w->pause = std::min(w->pause * 2, kLongestPause);
    const bool news = w->reason != reason;
    w->reason = reason;
    return news;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "ports/waiting.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

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

namespace {

// Of those named, the processors that this process may not run on.
std::string missing_processors(const RuntimeConfig& runtime) {
    cpu_set_t may;
    CPU_ZERO(&may);
    if (sched_getaffinity(0, sizeof may, &may) != 0) return {};
    std::set<unsigned> missing;
    if (CPU_ISSET(runtime.control_lcore, &may) == 0) missing.insert(runtime.control_lcore);
    for (const unsigned worker : runtime.worker_lcores)
        if (CPU_ISSET(worker, &may) == 0) missing.insert(worker);
    return fmt::format("{}", fmt::join(missing, ", "));
}

std::vector<std::string> notes_of(const MemberConfig& member) {
    std::vector<std::string> notes;
    const std::string absent = why_absent(member);
    if (!absent.empty()) notes.push_back(absent);
    if (const CarrierSource& c = member.carrier; c.kind == CarrierKind::netdev && !get_link(c.netdev))
        notes.push_back("carrier: there is no netdev " + c.netdev + " in this namespace");
    const std::string netdev = socket_netdev(member.device);
    if (absent.empty() && !netdev.empty() && !member.force)
        if (const auto used = netdev_in_use(netdev); used && used.value())
            notes.push_back(*used.value() + "; it is taken as a member only with force: true");
    return notes;
}

} // namespace

std::vector<std::string> machine_notes(const Config& config) {
    std::vector<std::string> notes;
    if (const std::string missing = missing_processors(config.runtime); !missing.empty())
        notes.push_back("runtime: there is no processor " + missing + " here, or none for this process");
    for (const BondConfig& b : config.bonds) {
        // A tap of that name may be this very bond's, which runs.
        if (const auto link = get_link(b.name);
            b.logical.backend != LogicalBackend::device && link && link.value().kind != "tun")
            notes.push_back(b.name +
                            ": there is a netdev of that name, so the logical interface cannot have it");
        for (const MemberConfig& m : b.members)
            for (const std::string& what : notes_of(m))
                notes.push_back(b.name + ": member " + m.name + ": " + what);
    }
    return notes;
}

WaitingMember* WaitingMembers::find(std::string_view name) {
    const auto at = std::ranges::find(members_, name, [](const auto& w) { return w.config.name; });
    return at != members_.end() ? &*at : nullptr;
}

void WaitingMembers::add(const MemberConfig& member, std::string reason, Time now) {
    const WaitingMember* before = find(member.name);
    const Time since = before != nullptr ? before->since : now;
    remove(member.name);
    members_.push_back({member, std::move(reason), since, now, kFirstPause});
}

bool WaitingMembers::remove(std::string_view name) {
    return std::erase_if(members_, [&](const auto& w) { return w.config.name == name; }) != 0;
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

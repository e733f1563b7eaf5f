// SPDX-License-Identifier: BSD-3-Clause
#include "ports/machine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "host/netlink.hpp"
#include "host/numa.hpp"
#include "host/pci.hpp"
#include "options/vdev_args.hpp"
#include "ports/member_tap.hpp"
#include "ports/pci_shelf.hpp"
#include "ports/waiting.hpp"

namespace dpdkbond {

std::string missing_processors(const RuntimeConfig& runtime, std::vector<unsigned> usable) {
    for (const unsigned cpu : isolated_cpus()) usable.push_back(cpu);
    std::ranges::sort(usable);
    usable.erase(std::unique(usable.begin(), usable.end()), usable.end());
    std::set<unsigned> missing(runtime.worker_lcores.begin(), runtime.worker_lcores.end());
    missing.insert(runtime.control_lcore);
    std::erase_if(missing, [&](unsigned cpu) { return std::ranges::binary_search(usable, cpu); });
    if (missing.empty()) return {};
    const char* key = missing.contains(runtime.control_lcore) ? "control_lcore" : "worker_lcores";
    return fmt::format("runtime.{}: there is no processor {} here; there are: {}", key,
                       fmt::join(missing, ", "), fmt::join(usable, ", "));
}

std::string missing_memory(const RuntimeConfig& runtime, std::uint64_t machine_mb) {
    if (runtime.memory_mb <= machine_mb) return {};
    return fmt::format("runtime.memory_mb: {} MB are asked for, and this machine has {}", runtime.memory_mb,
                       machine_mb);
}

std::uint64_t machine_memory_mb() {
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
               static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) >>
           20U;
}

namespace {

// The words of a start's refusal.
std::string kernel_uses(const MemberConfig& member) {
    Result<std::optional<std::string>> used = std::optional<std::string>();
    if (const std::string netdev = socket_netdev(member.device); !netdev.empty())
        used = netdev_in_use(netdev);
    else if (const auto address = pci_address_of(member))
        used = PciBus("/sys", PciHooks::real(), kLentNotes).in_use(*address);
    return used && used.value() ? *used.value() + "; free it, or say force: true to take it all the same"
                                : "";
}

std::vector<Lack> lacks_of(const MemberConfig& member) {
    std::vector<Lack> lacks;
    if (std::string absent = why_absent(member); !absent.empty())
        lacks.push_back({absent, false});
    else if (std::string used = member.force ? "" : kernel_uses(member); !used.empty())
        lacks.push_back({used, true});
    if (const CarrierSource& c = member.carrier; c.kind == CarrierKind::netdev && !get_link(c.netdev))
        lacks.push_back({"carrier: there is no netdev " + c.netdev + " in this namespace", false});
    if (is_packet_socket(member.device))
        if (const auto args = packet_socket_args(member.device); !args) lacks.push_back({args.error(), true});
    if (std::string driver = misspelt_driver(devargs_head(member.device)); !driver.empty())
        lacks.push_back({driver, false});
    return lacks;
}

// As for the logical interface: those of members that run are no obstacle.
bool is_running_tap(const LinkEvent& link, const Config* running) {
    if (running == nullptr) return link.kind == "tun";
    return std::ranges::any_of(running->bonds, [&](const BondConfig& b) {
        return b.options.member_taps && std::ranges::any_of(b.members, [&](const MemberConfig& m) {
                   return member_tap_name(m.name) == link.name;
               });
    });
}

} // namespace

std::vector<Lack> machine_lacks(const Config& config, std::vector<unsigned> usable, const Config* running) {
    std::vector<Lack> lacks;
    if (const std::string missing = missing_processors(config.runtime, std::move(usable)); !missing.empty())
        lacks.push_back({missing, true});
    if (const std::string missing = missing_memory(config.runtime, machine_memory_mb()); !missing.empty())
        lacks.push_back({missing, true});
    for (const BondConfig& b : config.bonds) {
        const auto is_this = [&](const BondConfig& other) { return other.name == b.name; };
        const bool ours = running != nullptr && std::ranges::any_of(running->bonds, is_this);
        // Without `running`: a tap of that name may be this very bond's, which runs.
        if (const auto link = get_link(b.name); b.logical.backend != LogicalBackend::device && link &&
                                                !ours && (running != nullptr || link.value().kind != "tun"))
            lacks.push_back(
                {b.name + ": there is a netdev of that name, so the logical interface cannot have it", true});
        const std::string taken =
            taken_tap(b, [&](const LinkEvent& there) { return is_running_tap(there, running); });
        if (!taken.empty()) lacks.push_back({b.name + ": " + taken, true});
        for (const MemberConfig& m : b.members)
            for (const Lack& what : lacks_of(m))
                lacks.push_back({b.name + ": member " + m.name + ": " + what.text, what.stops});
    }
    return lacks;
}

} // namespace dpdkbond

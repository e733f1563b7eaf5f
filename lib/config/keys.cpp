// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "config/spellings.hpp"
#include "options/options.hpp"

namespace dpdkbond {

namespace {

constexpr std::array kRuntime = {
    SectionKey{"control_lcore", "0-1023", "0", "the processor of LACP, monitors, console and telemetry"},
    SectionKey{"worker_lcores", "a list of 0-1023", "[1]",
               "the processors of the data path; queues are spread over them"},
    SectionKey{"idle", "adaptive, busy", "adaptive",
               "adaptive: workers sleep when nothing arrives; busy: they poll without pause"},
    SectionKey{
        "hugepages", "auto, always, never", "auto",
        "auto: use them when there are enough, else ordinary pages; always: reserve what is missing, or "
        "do not start"},
    SectionKey{"memory_mb", "32-1048576 MB", "512", "DPDK's memory, most of it packet buffers"},
    SectionKey{"file_prefix", "1 to 64 printable characters without space, slash and percent sign",
               "dpdk-bond", "tells instances on one machine apart; commands find theirs by --file-prefix"},
    SectionKey{"metrics", "ADDRESS:PORT, or empty", "none",
               "where an OpenMetrics page is served, at /metrics"},
    SectionKey{"socket_group", "a group of this machine, or empty", "none",
               "may use status, explain and telemetry without root"},
    SectionKey{"warm_restart", "0-3600 seconds", "60",
               "what `dpdk-bond stop --warm` leaves waits so long for the next start; 0: it is refused"},
    SectionKey{"eal_args", "a list of arguments", "[]", "passed on to DPDK's EAL as they are"},
};

constexpr std::array kBond = {
    SectionKey{"name", "1 to 15 letters, digits and . _ - + @ ~", "",
               "the name of the bond and of its logical interface"},
    SectionKey{"mode", "a mode's name or number", "balance-rr", "what the bond does with its members"},
    SectionKey{"logical", "a section", "its defaults", "the interface that the bond offers"},
    SectionKey{"members", "a list of up to 32", "[]", "the ports that it is made of"},
};

constexpr std::array kLogical = {
    SectionKey{
        "backend", "auto, virtio-user, tap, device", "auto",
        "auto: virtio-user where /dev/vhost-net works, else a tap; device: the port that device names"},
    SectionKey{"device", "DPDK devargs", "none",
               "backend device: any port, such as net_vhost0,iface=/run/bond0.sock"},
    SectionKey{"mac", "a unicast MAC address", "Linux's rule for the mode", "the bond's address"},
    SectionKey{"mtu", "68-65535 bytes", "1500", "of the interface and its members"},
    SectionKey{"queues", "auto, 1-16", "auto",
               "auto: one a worker, and one where backend is device; virtio-user has 8 at most"},
    SectionKey{"offloads", "auto, off", "auto",
               "auto: checksums and segments may be left undone between the kernel and the bond; not with "
               "backend device"},
    SectionKey{
        "manage", "self, none", "self",
        "self: addresses, MTU and up are this file's; none: networkd's, NetworkManager's or ifupdown's"},
    SectionKey{"addresses", "a list of ADDRESS/LENGTH", "[]",
               "put on the interface at the start, and kept by reloads"},
};

constexpr std::array kMember = {
    SectionKey{"device", "a PCI address or vdev devargs", "", "0000:01:00.0, or net_af_packet0,iface=eth1"},
    SectionKey{"driver", "vfio-pci, uio_pci_generic, none", "vfio-pci",
               "PCI: bound at the start and given back at the end; none: left as it is"},
    SectionKey{"name", "1 to 31 letters, digits and . _ - + @ ~",
               "iface=, or the PCI address with - for :", "its name in status, commands and events"},
    SectionKey{"carrier", "auto, ethdev, netdev:NAME", "auto",
               "where its link state is read; auto: the driver's, or the netdev's of iface="},
    SectionKey{"force", "true, false", "false", "take the device though the machine uses it"},
};

} // namespace

std::span<const SectionKey> keys_of(Section section) {
    switch (section) {
    case Section::runtime: return kRuntime;
    case Section::bond: return kBond;
    case Section::logical: return kLogical;
    case Section::member: return kMember;
    }
    return {};
}

std::string_view section_name(Section section) {
    switch (section) {
    case Section::runtime: return "runtime";
    case Section::bond: return "bonds[]";
    case Section::logical: return "bonds[].logical";
    case Section::member: return "bonds[].members[]";
    }
    return {};
}

std::string no_such_option(std::string_view option, bool of_member) {
    const std::string refusal = fmt::format("{}: no such option{}", option, of_member ? " of a member" : "");
    for (const Section section : {of_member ? Section::member : Section::bond, Section::logical})
        if (std::ranges::find(keys_of(section), option, &SectionKey::name) != keys_of(section).end())
            return fmt::format("{}; {}.{} stands in the file, which `reload` applies", refusal,
                               section_name(section), option);
    std::vector<std::string_view> names;
    const std::string known_elsewhere = key_of_others(option);
    for (const OptionDef& def : option_table())
        if (def.of_member == of_member) names.push_back(def.name);
    const bool is_there = std::ranges::find(names, known_elsewhere) != names.end();
    const std::string near = is_there ? known_elsewhere : nearest_name(option, names);
    return near.empty() ? refusal : fmt::format("{}; did you mean {}?", refusal, near);
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "config/keys.hpp"

#include <array>

namespace dpdkbond {

namespace {

constexpr std::array kRuntime = {
    FileKey{"control_lcore", "0-1023", "0", "the processor of LACP, monitors, console and telemetry"},
    FileKey{"worker_lcores", "a list of 0-1023", "[1]",
            "the processors of the data path; queues are spread over them"},
    FileKey{"idle", "adaptive, busy", "adaptive",
            "adaptive: workers sleep when nothing arrives; busy: they poll without pause"},
    FileKey{"hugepages", "auto, always, never", "auto",
            "auto: use them when there are enough, else ordinary pages; always: reserve what is missing, or "
            "do not start"},
    FileKey{"memory_mb", "32-1048576 MB", "512", "DPDK's memory, most of it packet buffers"},
    FileKey{"file_prefix", "1 to 64 printable characters without space, slash and percent sign", "dpdk-bond",
            "tells instances on one machine apart; commands find theirs by --file-prefix"},
    FileKey{"metrics", "ADDRESS:PORT, or empty", "none", "where an OpenMetrics page is served, at /metrics"},
    FileKey{"socket_group", "a group of this machine, or empty", "none",
            "may use status, explain and telemetry without root"},
    FileKey{"eal_args", "a list of arguments", "[]", "passed on to DPDK's EAL as they are"},
};

constexpr std::array kBond = {
    FileKey{"name", "1 to 15 letters, digits and . _ - + @ ~", "",
            "the name of the bond and of its logical interface"},
    FileKey{"mode", "a mode's name or number", "balance-rr", "what the bond does with its members"},
    FileKey{"logical", "a section", "its defaults", "the interface that the bond offers"},
    FileKey{"members", "a list of up to 32", "[]", "the ports that it is made of"},
};

constexpr std::array kLogical = {
    FileKey{"backend", "auto, virtio-user, tap, device", "auto",
            "auto: virtio-user where /dev/vhost-net works, else a tap; device: the port that device names"},
    FileKey{"device", "DPDK devargs", "none",
            "backend device: any port, such as net_vhost0,iface=/run/bond0.sock"},
    FileKey{"mac", "a unicast MAC address", "Linux's rule for the mode", "the bond's address"},
    FileKey{"mtu", "68-65535 bytes", "1500", "of the interface and its members"},
    FileKey{"queues", "auto, 1-16", "auto",
            "auto: one a worker, and one where backend is device; virtio-user has 8 at most"},
    FileKey{"offloads", "auto, off", "auto",
            "auto: checksums and segments may be left undone between the kernel and the bond; a tap only"},
    FileKey{"manage", "self, none", "self",
            "self: addresses, MTU and up are this file's; none: networkd's, NetworkManager's or ifupdown's"},
    FileKey{"addresses", "a list of ADDRESS/LENGTH", "[]",
            "put on the interface at the start, and kept by reloads"},
};

constexpr std::array kMember = {
    FileKey{"device", "a PCI address or vdev devargs", "", "0000:01:00.0, or net_af_packet0,iface=eth1"},
    FileKey{"driver", "vfio-pci, uio_pci_generic, none", "vfio-pci",
            "PCI: bound at the start and given back at the end; none: left as it is"},
    FileKey{"name", "1 to 31 letters, digits and . _ - + @ ~",
            "iface=, or the PCI address with - for :", "its name in status, commands and events"},
    FileKey{"carrier", "auto, ethdev, netdev:NAME", "auto",
            "where its link state is read; auto: the driver's, or the netdev's of iface="},
    FileKey{"force", "true, false", "false", "take the device though the machine uses it"},
};

} // namespace

std::span<const FileKey> keys_of(Section section) {
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

} // namespace dpdkbond

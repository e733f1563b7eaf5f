// SPDX-License-Identifier: BSD-3-Clause
#include "options/vdev_args.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "options/model.hpp"
#include "options/options.hpp"

namespace dpdkbond {

namespace {

// Drivers of virtual Ethernet devices in DPDK 22.11 to 24.11, and ours.
constexpr std::array<std::string_view, 24> kVdevDrivers = {
    "net_af_packet", "net_af_xdp",      "net_bonding",   "net_dpdkbond", "net_failsafe", "net_kni",
    "net_memif",     "net_mvneta",      "net_mvpp2",     "net_null",     "net_octeontx", "net_pcap",
    "net_pfe",       "net_ring",        "net_softnic",   "net_tap",      "net_tun",      "net_vdev_netvsc",
    "net_vhost",     "net_virtio_user", "eth_af_packet", "eth_null",     "eth_pcap",     "eth_tap"};

} // namespace

bool is_packet_socket(const std::string& devargs) {
    return devargs.starts_with("net_af_packet") && devargs_value(devargs, "pmd") != "1";
}

std::string without_pmd_key(const std::string& devargs) {
    std::string out = devargs;
    if (const auto at = out.find(",pmd="); at != std::string::npos) out.erase(at, out.find(',', at + 1) - at);
    return out;
}

Result<PacketSocketArgs> packet_socket_args(const std::string& devargs) {
    PacketSocketArgs args;
    for (std::size_t at = devargs.find(','); at != std::string::npos;) {
        const std::size_t end = devargs.find(',', at + 1);
        const std::string word = devargs.substr(at + 1, end == std::string::npos ? end : end - at - 1);
        at = end;
        const std::string key = word.substr(0, word.find('=')), value = devargs_value(devargs, key);
        unsigned number = 0;
        const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
        const bool is_number = read.ec == std::errc{} && read.ptr == value.data() + value.size();
        if (key == "iface") {
            args.netdev = value;
        } else if (key == "qpairs") {
            if (!is_number || number < 1 || number > kMostPacketQueues)
                return Error{fmt::format("{}: qpairs is a number from 1 to {}", devargs, kMostPacketQueues)};
            args.rx_queues = static_cast<std::uint16_t>(number);
        } else if (key == "qdisc_bypass") {
            if (!is_number || number > 1) return Error{devargs + ": qdisc_bypass is 0 or 1"};
            args.qdisc_bypass = number == 1;
        } else if (key != "blocksz" && key != "framesz" && key != "framecnt" && key != "pmd") {
            return Error{fmt::format("{}: there is no \"{}\"; allowed: iface, qpairs, qdisc_bypass, pmd",
                                     devargs, key)};
        }
    }
    if (args.netdev.empty()) return Error{devargs + ": iface= is missing; give it the netdev's name"};
    return args;
}

std::string misspelt_driver(const std::string& device_name) {
    if (!device_name.starts_with("net_") && !device_name.starts_with("eth_")) return {};
    const auto is_of = [&](std::string_view driver) { return device_name.starts_with(driver); };
    if (std::ranges::any_of(kVdevDrivers, is_of)) return {};
    const std::size_t last = device_name.find_last_not_of("0123456789");
    const std::string driver = device_name.substr(0, last + 1); // without the device's number
    const std::string near = nearest_name(driver, kVdevDrivers);
    return near.empty() ? near : fmt::format("DPDK has no driver {}; did you mean {}?", driver, near);
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A configuration as plain structs: what FILE said, with defaults filled in. No behaviour.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/mac.hpp"
#include "options/options.hpp"

namespace dpdkbond {

enum class Idle : std::uint8_t { adaptive, busy };
enum class Hugepages : std::uint8_t { automatic, yes, no };

struct RuntimeConfig {
    unsigned control_lcore = 0;
    std::vector<unsigned> worker_lcores{1};
    Idle idle = Idle::adaptive;
    Hugepages hugepages = Hugepages::automatic; // auto | always | never
    unsigned memory_mb = 512;
    std::string file_prefix = "dpdk-bond";
    std::string metrics;        // "127.0.0.1:9471": serves OpenMetrics there (ListenAddress); empty: nowhere
    std::string socket_group;   // this group may ask telemetry; empty: root alone
    unsigned warm_restart = 60; // seconds for which what a warm stop left behind waits; 0: there is none
    std::vector<std::string> eal_args;
    bool operator==(const RuntimeConfig&) const = default;
};

enum class LogicalBackend : std::uint8_t { automatic, virtio_user, tap, device };

struct LogicalConfig {
    LogicalBackend backend = LogicalBackend::automatic;
    std::string device; // backend device: devargs
    std::optional<Mac> mac;
    unsigned mtu = 1500;
    unsigned queues = 1;
    bool offloads =
        true; // the kernel may leave checksums and cutting to the bond, where the backend can say so
    bool managed = true; // its addresses, MTU and "up" are this file's; else networkd's or whose ever
    std::vector<IpPrefix> addresses;
    // Whether it may take frames of up to 64 KB; a kernel that turns out not to is given them cut.
    [[nodiscard]] bool may_take_super_frames() const { return offloads && backend != LogicalBackend::device; }
    bool operator==(const LogicalConfig&) const = default;
};

// DPDK's net_tap hands over two descriptors for each queue and has room for eight: with more it overruns its
// stack.
inline constexpr unsigned kMaxNetTapQueues = 4;
inline constexpr unsigned kMaxVirtioUserQueues = 8; // net_virtio_user refuses more

enum class CarrierKind : std::uint8_t { automatic, ethdev, netdev };

struct CarrierSource {
    CarrierKind kind = CarrierKind::automatic;
    std::string netdev; // kind netdev
    bool operator==(const CarrierSource&) const = default;
};

struct MemberConfig {
    std::string device; // PCI address or vdev devargs
    std::string driver; // PCI: "vfio-pci", "uio_pci_generic", "none"; empty: vfio-pci for a PCI address
    std::string name;   // unique in the bond: given, else the iface= of a vdev, else the address
    CarrierSource carrier;
    bool force = false;
    MemberOptions options;
    OptionSet given = 0; // which member options the file wrote
    bool operator==(const MemberConfig&) const = default;

    // device is a PCI address: "0000:01:00.0" or "01:00.0", devargs may follow a comma
    [[nodiscard]] bool is_pci() const;
};

struct BondConfig {
    std::string name;
    Mode mode = Mode::balance_rr; // Linux's default
    BondOptions options;
    OptionSet given = 0; // which options the file wrote
    LogicalConfig logical;
    std::vector<MemberConfig> members;
    bool operator==(const BondConfig&) const = default;
};

struct Config {
    RuntimeConfig runtime;
    std::vector<BondConfig> bonds;
    bool operator==(const Config&) const = default;
};

// The netdev of a member's tap (member_taps): "enp129s0f0np0" → "np129s0f0np0.lt", "0000-01-00.0" →
// "0000-01-00.0.lt". Names of NICs differ at their end, and the kernel takes 15 characters.
std::string member_tap_name(std::string_view member);

// The part of devargs before the first comma: a vdev's name or a PCI address.
std::string devargs_head(const std::string& devargs);

// "01:00.0" or "0000:01:00.0" in full and in lower case, nothing for anything else.
std::optional<std::string> pci_address(const std::string& text);

// The value of KEY=value in vdev devargs ("net_af_packet0,iface=m1"), empty when absent.
std::string devargs_value(const std::string& devargs, const std::string& key);

} // namespace dpdkbond

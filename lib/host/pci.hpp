// SPDX-License-Identifier: BSD-3-Clause
// PCI devices by sysfs: what they are, what else uses them, and binding them to another driver. Ordinary
// threads; binding may take seconds while drivers probe.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac.hpp"
#include "base/result.hpp"
#include "host/crash_note.hpp"

namespace dpdkbond {

struct PciAddress {
    std::uint32_t domain = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;
    std::uint8_t function = 0;

    auto operator<=>(const PciAddress&) const = default;
    [[nodiscard]] std::string to_string() const; // "0000:01:00.0", as sysfs names it
    // With or without the domain, hex digits of either case.
    static std::optional<PciAddress> parse(std::string_view text);
};

struct PciDevice {
    PciAddress address;
    std::uint16_t vendor_id = 0;
    std::uint16_t device_id = 0;
    std::uint32_t class_code = 0; // 24 bits: class, subclass, programming interface
    std::string driver;           // empty: none
    std::optional<int> iommu_group;
    int numa_node = -1;               // -1: unknown, or only one
    std::vector<std::string> netdevs; // those visible in the namespace that sysfs was mounted in
    std::optional<bool> link_up;      // of the first netdev; nothing without one, or while it is down

    [[nodiscard]] bool is_network() const { return class_code >> 16 == 0x02; }
};

// How the outside world is reached; tests put a simulated kernel here.
struct PciHooks {
    std::function<Result<void>(const std::filesystem::path&, std::string_view)> write; // one sysfs attribute
    std::function<bool(const std::string& module)> load_module;
    std::function<Result<std::optional<std::string>>(const std::string& netdev)> netdev_in_use;
    std::function<Result<bool>(const std::string& netdev)> netdev_is_up;
    std::function<Result<void>(const std::string& netdev)> bring_up;
    std::function<Result<void>(const std::string& netdev, const std::string& name)> rename;

    static PciHooks real();
};

class PciBus;

// A device that bind() gave another driver. Restoring gives it its former driver and driver_override back,
// names its netdev as before (unless that name is taken) and brings it up if it was; addresses on the netdev
// went with it and do not come back. A device that somebody has bound elsewhere meanwhile is left to them.
class PciBinding {
public:
    PciBinding(PciBinding&&) noexcept;
    PciBinding& operator=(PciBinding&&) noexcept;
    ~PciBinding();
    Result<void> restore();
    [[nodiscard]] const PciAddress& address() const { return address_; }
    [[nodiscard]] const std::string& driver() const { return driver_; } // what bind() gave it
    [[nodiscard]] const std::string& former_driver() const { return former_driver_; }
    // The device's own MAC, as noted when it was first opened: some (vmxnet3) still wear what a process that
    // is gone gave them. Zero: not noted.
    [[nodiscard]] const Mac& own_mac() const { return own_mac_; }
    void note_own_mac(const Mac& mac);

private:
    friend class PciBus;
    PciBinding() = default;
    [[nodiscard]] std::string to_text() const;
    static std::optional<PciBinding> parse(const std::string& text);
    Result<void> restore_netdev(const PciBus& bus) const;

    const PciBus* bus_ = nullptr; // null: nothing to restore
    PciAddress address_{};
    std::string driver_;
    std::string former_driver_;
    std::string former_override_;
    std::string netdev_; // the first one's name; empty: none
    bool netdev_was_up_ = false;
    Mac own_mac_{};
    CrashNote note_;
};

class PciBus {
public:
    // notes: the folder where a device that was taken is noted, so that it can be given back after a crash;
    // empty: nowhere.
    explicit PciBus(std::filesystem::path sysfs = "/sys", PciHooks hooks = PciHooks::real(),
                    std::filesystem::path notes = {});
    PciBus(const PciBus&) = delete; // bindings point here; keep it longer than they live
    PciBus& operator=(const PciBus&) = delete;

    [[nodiscard]] Result<PciDevice> device(const PciAddress& address) const;
    // All of class 02 (network controllers), by address.
    [[nodiscard]] std::vector<PciDevice> network_devices() const;

    // Other devices of the same IOMMU group that a kernel driver holds: "0000:01:00.1 (igb)". VFIO hands out
    // a group only as a whole. Empty: free, or no IOMMU.
    [[nodiscard]] std::vector<std::string> group_blockers(const PciAddress& address,
                                                          const std::set<PciAddress>& except = {}) const;
    // Why it would be rude to take the device: an address, a route or a master of one of its netdevs.
    // Nothing: free.
    [[nodiscard]] Result<std::optional<std::string>> in_use(const PciAddress& address) const;

    // Gives the device to `driver` by driver_override, loading its module if need be. On an error the device
    // is with its former driver. A device that has the driver already is left alone, then and by restore().
    // together: devices that will be bound as well, and so do not stand in the way of an IOMMU group.
    [[nodiscard]] Result<PciBinding> bind(const PciAddress& address, const std::string& driver,
                                          const std::set<PciAddress>& together = {}) const;
    // What processes that died had bound and not given back: theirs to restore no more, but the caller's.
    [[nodiscard]] std::vector<PciBinding> leftovers() const;
    // A process that lives has bound it.
    [[nodiscard]] bool is_lent(const PciAddress& address) const;
    [[nodiscard]] std::string driver_of(const PciAddress& address) const; // empty: none

private:
    friend class PciBinding;
    [[nodiscard]] std::filesystem::path device_path(const PciAddress& address) const;
    [[nodiscard]] std::filesystem::path note_of(const PciAddress& address) const;
    [[nodiscard]] bool netdev_is_up(const PciDevice& device) const;
    [[nodiscard]] Result<void> check_driver(const std::string& driver) const;
    [[nodiscard]] Result<void> check_vfio(const PciDevice& device,
                                          const std::set<PciAddress>& together) const;
    // Unbinds, sets driver_override, probes, and looks whether `driver` (empty: none) holds the device now.
    [[nodiscard]] Result<void> move(const PciAddress& address, const std::string& override_name,
                                    const std::string& driver) const;

    std::filesystem::path sysfs_;
    PciHooks hooks_;
    std::filesystem::path notes_;
};

} // namespace dpdkbond

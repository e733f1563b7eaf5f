// SPDX-License-Identifier: BSD-3-Clause
#include "host/pci.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <system_error>

#include "host/files.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

namespace {

// Reads one hexadecimal number of at most `digits` digits off the front of text.
std::optional<std::uint32_t> take_hex(std::string_view& text, std::size_t digits) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    const auto used = static_cast<std::size_t>(end - text.data());
    if (error != std::errc{} || used > digits) return std::nullopt;
    text.remove_prefix(used);
    return value;
}

bool take_char(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

std::vector<std::string> names_in(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
        names.push_back(it->path().filename().string());
    std::ranges::sort(names);
    return names;
}

// The directories below which a PCI device has its netdevs; a virtio NIC has a virtio device in between.
std::vector<fs::path> netdev_paths(const fs::path& device) {
    std::vector<fs::path> paths;
    for (const std::string& name : names_in(device / "net")) paths.push_back(device / "net" / name);
    for (const std::string& child : names_in(device)) {
        if (!child.starts_with("virtio")) continue;
        for (const std::string& name : names_in(device / child / "net"))
            paths.push_back(device / child / "net" / name);
    }
    return paths;
}

// Drivers that leave DMA alone and so do not stand in the way of VFIO; bridges belong to the way to the
// device.
bool stands_in_the_way(const std::string& driver, std::uint32_t class_code) {
    constexpr std::array<std::string_view, 3> kHarmless = {"vfio-pci", "pci-stub", "pcieport"};
    if (driver.empty() || class_code >> 8 == 0x0604) return false;
    return std::ranges::find(kHarmless, driver) == kHarmless.end();
}

} // namespace

std::string PciAddress::to_string() const {
    char text[24];
    std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", domain, static_cast<unsigned>(bus),
                  static_cast<unsigned>(device), static_cast<unsigned>(function));
    return text;
}

std::optional<PciAddress> PciAddress::parse(std::string_view text) {
    PciAddress address;
    if (std::ranges::count(text, ':') == 2) {
        const auto domain = take_hex(text, 8);
        if (!domain || !take_char(text, ':')) return std::nullopt;
        address.domain = *domain;
    }
    const auto bus = take_hex(text, 2);
    if (!bus || !take_char(text, ':')) return std::nullopt;
    const auto device = take_hex(text, 2);
    if (!device || *device > 0x1f || !take_char(text, '.')) return std::nullopt;
    const auto function = take_hex(text, 1);
    if (!function || *function > 7 || !text.empty()) return std::nullopt;
    address.bus = static_cast<std::uint8_t>(*bus);
    address.device = static_cast<std::uint8_t>(*device);
    address.function = static_cast<std::uint8_t>(*function);
    return address;
}

PciBus::PciBus(fs::path sysfs, PciHooks hooks, fs::path notes)
    : sysfs_(std::move(sysfs)), hooks_(std::move(hooks)), notes_(std::move(notes)) {}

fs::path PciBus::device_path(const PciAddress& address) const {
    return sysfs_ / "bus/pci/devices" / address.to_string();
}

std::string PciBus::driver_of(const PciAddress& address) const {
    return link_target_name(device_path(address) / "driver").value_or("");
}

Result<PciDevice> PciBus::device(const PciAddress& address) const {
    const fs::path path = device_path(address);
    const auto vendor = read_number(path / "vendor");
    if (!vendor) return Error{"there is no PCI device " + address.to_string()};
    PciDevice device;
    device.address = address;
    device.vendor_id = static_cast<std::uint16_t>(*vendor);
    device.device_id = static_cast<std::uint16_t>(read_number(path / "device").value_or(0));
    device.class_code = static_cast<std::uint32_t>(read_number(path / "class").value_or(0));
    device.driver = driver_of(address);
    device.numa_node = static_cast<int>(read_number(path / "numa_node").value_or(-1));
    if (const auto group = link_target_name(path / "iommu_group")) {
        int number = 0;
        if (std::from_chars(group->data(), group->data() + group->size(), number).ec == std::errc{})
            device.iommu_group = number;
    }
    for (const fs::path& netdev : netdev_paths(path)) {
        if (device.netdevs.empty())
            if (const auto carrier = read_number(netdev / "carrier")) device.link_up = *carrier == 1;
        device.netdevs.push_back(netdev.filename().string());
    }
    return device;
}

std::vector<PciDevice> PciBus::network_devices() const {
    std::vector<PciDevice> devices;
    for (const std::string& name : names_in(sysfs_ / "bus/pci/devices")) {
        const auto address = PciAddress::parse(name);
        if (!address) continue;
        auto found = device(*address);
        if (found && found.value().is_network()) devices.push_back(std::move(found).value());
    }
    std::ranges::sort(devices, {}, &PciDevice::address);
    return devices;
}

std::vector<std::string> PciBus::group_blockers(const PciAddress& address,
                                                const std::set<PciAddress>& except) const {
    std::vector<std::string> blockers;
    for (const std::string& name : names_in(device_path(address) / "iommu_group/devices")) {
        const auto other = PciAddress::parse(name);
        if (!other || *other == address || except.contains(*other)) continue;
        auto found = device(*other);
        if (found && stands_in_the_way(found.value().driver, found.value().class_code))
            blockers.push_back(name + " (" + found.value().driver + ")");
    }
    return blockers;
}

Result<std::optional<std::string>> PciBus::in_use(const PciAddress& address) const {
    auto found = device(address);
    if (!found) return Error{found.error()};
    for (const std::string& netdev : found.value().netdevs) {
        auto reason = hooks_.netdev_in_use(netdev);
        if (!reason || reason.value()) return reason;
    }
    return std::optional<std::string>{};
}

} // namespace dpdkbond

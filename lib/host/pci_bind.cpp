// SPDX-License-Identifier: BSD-3-Clause
#include "host/pci.hpp"

#include <cerrno>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "host/files.hpp"
#include "host/netlink.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

namespace {

constexpr const char* kModprobe = "/sbin/modprobe";

bool modprobe(const std::string& module) {
    std::string program = kModprobe;
    std::string quiet = "-q";
    std::string end = "--";
    std::string name = module;
    char* arguments[] = {program.data(), quiet.data(), end.data(), name.data(), nullptr};
    pid_t child = 0;
    if (::posix_spawn(&child, kModprobe, nullptr, nullptr, arguments, environ) != 0) return false;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace

PciHooks PciHooks::real() {
    return {.write = [](const fs::path& file, std::string_view text) { return write_text(file, text); },
            .load_module = modprobe,
            .netdev_in_use = [](const std::string& netdev) { return dpdkbond::netdev_in_use(netdev); },
            .netdev_is_up = [](const std::string& netdev) -> Result<bool> {
                auto link = get_link(netdev);
                if (!link) return Error{link.error()};
                return link.value().admin_up;
            },
            .bring_up = [](const std::string& netdev) { return set_admin_up(netdev, true); }};
}

bool PciBus::netdev_is_up(const PciDevice& device) const {
    if (device.netdevs.empty()) return false;
    auto up = hooks_.netdev_is_up(device.netdevs.front());
    return up && up.value();
}

Result<void> PciBus::check_driver(const std::string& driver) const {
    if (driver.empty() || driver.find('/') != std::string::npos)
        return Error{"'" + driver + "' is no driver name"};
    const fs::path path = sysfs_ / "bus/pci/drivers" / driver;
    std::error_code ignored;
    if (fs::exists(path, ignored)) return {};
    const bool loaded = hooks_.load_module(driver);
    if (fs::exists(path, ignored)) return {};
    if (loaded) return Error{"module " + driver + " is loaded but has no PCI driver of that name"};
    return Error{"driver " + driver +
                 " is missing: this kernel has no such module; install it or name another driver"};
}

Result<void> PciBus::check_vfio(const PciDevice& device) const {
    if (!device.iommu_group) {
        if (read_text(sysfs_ / "module/vfio/parameters/enable_unsafe_noiommu_mode") == "Y") return {};
        return Error{"there is no IOMMU for " + device.address.to_string() +
                     ": enable it in the firmware and on the kernel command line, or set vfio's "
                     "enable_unsafe_noiommu_mode"};
    }
    std::string others;
    for (const std::string& blocker : group_blockers(device.address))
        others += (others.empty() ? "" : ", ") + blocker;
    if (others.empty()) return {};
    return Error{"IOMMU group " + std::to_string(*device.iommu_group) + " of " + device.address.to_string() +
                 " also has " + others + ": unbind or bind them to vfio-pci too"};
}

Result<void> PciBus::move(const PciAddress& address, const std::string& override_name,
                          const std::string& driver) const {
    const std::string name = address.to_string();
    const fs::path path = device_path(address);
    // Before the device is free: then no probe by another driver can come in between.
    if (auto done = hooks_.write(path / "driver_override", override_name + "\n"); !done) return done;
    if (!driver_of(address).empty())
        if (auto done = hooks_.write(path / "driver/unbind", name); !done) return done;
    if (driver.empty()) return {};
    auto probed = hooks_.write(sysfs_ / "bus/pci/drivers_probe", name);
    const std::string now = driver_of(address);
    if (now == driver) return {};
    std::string why = probed ? "" : ": " + probed.error();
    return Error{"driver " + driver + " does not take " + name + why +
                 (now.empty() ? "" : "; " + now + " has it")};
}

Result<PciBinding> PciBus::bind(const PciAddress& address, const std::string& driver) const {
    auto found = device(address);
    if (!found) return Error{found.error()};
    PciBinding binding;
    binding.address_ = address;
    binding.former_driver_ = found.value().driver;
    if (binding.former_driver_ == driver) return binding;
    if (auto known = check_driver(driver); !known) return Error{known.error()};
    if (driver == "vfio-pci")
        if (auto possible = check_vfio(found.value()); !possible) return Error{possible.error()};

    const std::string before = read_text(device_path(address) / "driver_override").value_or("");
    binding.former_override_ = before == "(null)" ? "" : before;
    binding.netdev_was_up_ = netdev_is_up(found.value());
    binding.bus_ = this;
    auto moved = move(address, driver, driver);
    if (moved) return binding;
    auto back = binding.restore();
    return Error{moved.error() + (back ? "" : "; and back: " + back.error())};
}

PciBinding::PciBinding(PciBinding&& other) noexcept
    : bus_(std::exchange(other.bus_, nullptr)), address_(other.address_),
      former_driver_(std::move(other.former_driver_)), former_override_(std::move(other.former_override_)),
      netdev_was_up_(other.netdev_was_up_) {}

PciBinding& PciBinding::operator=(PciBinding&& other) noexcept {
    if (this != &other) {
        (void)restore();
        bus_ = std::exchange(other.bus_, nullptr);
        address_ = other.address_;
        former_driver_ = std::move(other.former_driver_);
        former_override_ = std::move(other.former_override_);
        netdev_was_up_ = other.netdev_was_up_;
    }
    return *this;
}

PciBinding::~PciBinding() { (void)restore(); }

Result<void> PciBinding::restore() {
    if (bus_ == nullptr) return {};
    const PciBus& bus = *std::exchange(bus_, nullptr);
    // The former driver is asked for by name once, in case several would take the device.
    const bool steer = former_override_.empty() && !former_driver_.empty();
    auto moved = bus.move(address_, steer ? former_driver_ : former_override_, former_driver_);
    if (steer) {
        auto cleared = bus.hooks_.write(bus.device_path(address_) / "driver_override", "\n");
        if (moved && !cleared) moved = cleared;
    }
    if (!moved || !netdev_was_up_) return moved;
    auto device = bus.device(address_);
    if (!device || device.value().netdevs.empty()) return {};
    return bus.hooks_.bring_up(device.value().netdevs.front());
}

} // namespace dpdkbond

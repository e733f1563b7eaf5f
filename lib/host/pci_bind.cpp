// SPDX-License-Identifier: BSD-3-Clause
#include "host/pci.hpp"

#include <chrono>
#include <sstream>
#include <system_error>
#include <thread>

#include "host/files.hpp"
#include "host/kernel_module.hpp"
#include "host/netlink.hpp"

namespace dpdkbond {

namespace fs = std::filesystem;

PciHooks PciHooks::real() {
    return {.write = [](const fs::path& file, std::string_view text) { return write_text(file, text); },
            .load_module = dpdkbond::load_module,
            .netdev_in_use = [](const std::string& netdev) { return dpdkbond::netdev_in_use(netdev); },
            .netdev_is_up = [](const std::string& netdev) -> Result<bool> {
                auto link = get_link(netdev);
                if (!link) return Error{link.error()};
                return link.value().admin_up;
            },
            .bring_up = [](const std::string& netdev) { return set_admin_up(netdev, true); },
            .rename = [](const std::string& netdev,
                         const std::string& name) { return rename_link(netdev, name); }};
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

Result<void> PciBus::check_vfio(const PciDevice& device, const std::set<PciAddress>& together) const {
    if (!device.iommu_group) {
        if (read_text(sysfs_ / "module/vfio/parameters/enable_unsafe_noiommu_mode") == "Y") return {};
        return Error{"there is no IOMMU for " + device.address.to_string() +
                     ": enable it in the firmware and on the kernel command line, or set vfio's "
                     "enable_unsafe_noiommu_mode"};
    }
    std::string others;
    for (const std::string& blocker : group_blockers(device.address, together))
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
    const std::string before = driver_of(address);
    if (!driver.empty() && before == driver) return {};
    if (!before.empty())
        if (auto done = hooks_.write(path / "driver/unbind", name); !done) return done;
    if (driver.empty()) return {};
    auto probed = hooks_.write(sysfs_ / "bus/pci/drivers_probe", name);
    const std::string now = driver_of(address);
    if (now == driver) return {};
    std::string why = probed ? "" : ": " + probed.error();
    return Error{"driver " + driver + " does not take " + name + why +
                 (now.empty() ? "" : "; " + now + " has it")};
}

Result<PciBinding> PciBus::bind(const PciAddress& address, const std::string& driver,
                                const std::set<PciAddress>& together) const {
    auto found = device(address);
    if (!found) return Error{found.error()};
    PciBinding binding;
    binding.address_ = address;
    binding.driver_ = driver;
    binding.former_driver_ = found.value().driver;
    if (binding.former_driver_ == driver) return binding;
    if (auto known = check_driver(driver); !known) return Error{known.error()};
    if (driver == "vfio-pci")
        if (auto possible = check_vfio(found.value(), together); !possible) return Error{possible.error()};

    const std::string before = read_text(device_path(address) / "driver_override").value_or("");
    binding.former_override_ = before == "(null)" ? "" : before;
    if (!found.value().netdevs.empty()) binding.netdev_ = found.value().netdevs.front();
    binding.netdev_was_up_ = netdev_is_up(found.value());
    if (!notes_.empty()) {
        auto note = CrashNote::hold(note_of(address));
        if (!note)
            return Error{is_lent(address) ? address.to_string() + " is in the hands of a running dpdk-bond"
                                          : note.error()};
        binding.note_ = std::move(note).value();
        if (auto noted = binding.note_.write(binding.to_text()); !noted) return Error{noted.error()};
    }
    binding.bus_ = this;
    auto moved = move(address, driver, driver);
    if (moved) return binding;
    auto back = binding.restore();
    return Error{moved.error() + (back ? "" : "; and back: " + back.error())};
}

fs::path PciBus::note_of(const PciAddress& address) const { return notes_ / ("pci-" + address.to_string()); }

bool PciBus::is_lent(const PciAddress& address) const {
    return !notes_.empty() && CrashNote::is_held(note_of(address));
}

std::vector<PciBinding> PciBus::leftovers() const {
    std::vector<PciBinding> left;
    if (notes_.empty()) return left;
    for (CrashNote& note : CrashNote::left_in(notes_, "pci-")) {
        auto binding = PciBinding::parse(note.text());
        if (!binding) { // its writer died before it had done anything
            note.remove();
            continue;
        }
        binding->bus_ = this;
        binding->note_ = std::move(note);
        left.push_back(std::move(*binding));
    }
    return left;
}

std::string PciBinding::to_text() const {
    return "address " + address_.to_string() + "\ndriver " + driver_ + "\nformer_driver " + former_driver_ +
           "\nformer_override " + former_override_ + "\nnetdev " + netdev_ + "\nnetdev_was_up " +
           (netdev_was_up_ ? "1" : "0") + "\n" +
           (own_mac_.is_zero() ? "" : "own_mac " + own_mac_.to_string() + "\n");
}

void PciBinding::note_own_mac(const Mac& mac) {
    own_mac_ = mac;
    if (note_) (void)note_.write(to_text()); // without it the device is given back all the same
}

std::optional<PciBinding> PciBinding::parse(const std::string& text) {
    PciBinding binding;
    std::optional<PciAddress> address;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::string key = line.substr(0, line.find(' '));
        const std::string value = key.size() < line.size() ? line.substr(key.size() + 1) : "";
        if (key == "address") address = PciAddress::parse(value);
        if (key == "driver") binding.driver_ = value;
        if (key == "former_driver") binding.former_driver_ = value;
        if (key == "former_override") binding.former_override_ = value;
        if (key == "netdev") binding.netdev_ = value;
        if (key == "netdev_was_up") binding.netdev_was_up_ = value == "1";
        if (key == "own_mac") binding.own_mac_ = Mac::parse(value).value_or(Mac{});
    }
    if (!address || binding.driver_.empty()) return std::nullopt;
    binding.address_ = *address;
    return binding;
}

PciBinding::PciBinding(PciBinding&& other) noexcept
    : bus_(std::exchange(other.bus_, nullptr)), address_(other.address_), driver_(std::move(other.driver_)),
      former_driver_(std::move(other.former_driver_)), former_override_(std::move(other.former_override_)),
      netdev_(std::move(other.netdev_)), netdev_was_up_(other.netdev_was_up_), own_mac_(other.own_mac_),
      note_(std::move(other.note_)) {}

PciBinding& PciBinding::operator=(PciBinding&& other) noexcept {
    if (this != &other) {
        (void)restore();
        bus_ = std::exchange(other.bus_, nullptr);
        address_ = other.address_;
        driver_ = std::move(other.driver_);
        former_driver_ = std::move(other.former_driver_);
        former_override_ = std::move(other.former_override_);
        netdev_ = std::move(other.netdev_);
        netdev_was_up_ = other.netdev_was_up_;
        own_mac_ = other.own_mac_;
        note_ = std::move(other.note_);
    }
    return *this;
}

PciBinding::~PciBinding() { (void)restore(); }

Result<void> PciBinding::restore() {
    if (bus_ == nullptr) return {};
    const PciBus& bus = *std::exchange(bus_, nullptr);
    const std::string holder = bus.driver_of(address_);
    if (!holder.empty() && holder != driver_ && holder != former_driver_) { // somebody else's by now
        note_.remove();
        return {};
    }
    // The former driver is asked for by name once, in case several would take the device.
    const bool steer = former_override_.empty() && !former_driver_.empty();
    auto moved = bus.move(address_, steer ? former_driver_ : former_override_, former_driver_);
    if (steer) {
        auto cleared = bus.hooks_.write(bus.device_path(address_) / "driver_override", "\n");
        if (moved && !cleared) moved = cleared;
    }
    if (!moved) return moved; // the note stays: the next start tries again
    note_.remove();
    return restore_netdev(bus);
}

Result<void> PciBinding::restore_netdev(const PciBus& bus) const {
    if (netdev_.empty()) return {};
    std::string name;
    for (int patience = 200; patience > 0 && name.empty();
         --patience) { // some drivers make it a little later
        auto device = bus.device(address_);
        if (!device) return {};
        if (!device.value().netdevs.empty())
            name = device.value().netdevs.front();
        else
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (name.empty()) return Error{former_driver_ + " made no netdev for " + address_.to_string()};
    if (name != netdev_ && bus.hooks_.rename(name, netdev_)) name = netdev_;
    if (!netdev_was_up_) return {};
    return bus.hooks_.bring_up(name);
}

} // namespace dpdkbond

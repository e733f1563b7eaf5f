// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <set>

#include "host/files.hpp"
#include "host/pci.hpp"
#include "temp_dir.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace fs = std::filesystem;

namespace {

const PciAddress kNic = *PciAddress::parse("0000:01:00.0");
const PciAddress kNeighbour = *PciAddress::parse("0000:01:00.1");
constexpr const char* kDevices = "bus/pci/devices/";

// A sysfs tree and just enough of a kernel to react to what is written into it.
struct FakeKernel {
    FakeKernel() {
        add("0000:01:00.0", "0x8086", "0x10d3", "0x020000", "e1000e", 12, 0);
        add("0000:01:00.1", "0x8086", "0x10d3", "0x020000", "", 12, 0);
        add("0000:00:1f.0", "0x8086", "0x2918", "0x060100", "lpc_ich", 3, -1);
        tree.file(std::string(kDevices) + "0000:01:00.0/net/eth0/carrier", "1");
        tree.file("bus/pci/drivers/e1000e/unbind", "");
        accepts = {"e1000e", "vfio-pci"};
        modules = {"vfio-pci", "uio_pci_generic"};
    }

    void add(const std::string& name, const std::string& vendor, const std::string& id,
             const std::string& code, const std::string& driver, int group, int node) const {
        const fs::path device = kDevices + name;
        tree.file(device / "vendor", vendor);
        tree.file(device / "device", id);
        tree.file(device / "class", code);
        tree.file(device / "numa_node", std::to_string(node));
        tree.file(device / "driver_override", "(null)");
        if (!driver.empty()) tree.link(device / "driver", "bus/pci/drivers/" + driver);
        const fs::path iommu = "kernel/iommu_groups/" + std::to_string(group);
        tree.link(device / "iommu_group", iommu);
        tree.link(iommu / "devices" / name, device);
    }

    Result<void> write(const fs::path& file, std::string_view text) {
        log.push_back(fs::relative(file, tree.path).string() + " < " +
                      std::string(text.substr(0, text.find('\n'))));
        if (file.filename() == "driver_override")
            return write_text_over(file, text == "\n" ? "(null)" : text);
        if (file.filename() == "unbind") {
            fs::remove(tree.path / kDevices / std::string(text) / "driver");
            return {};
        }
        if (file.filename() == "drivers_probe") return probe(std::string(text));
        return Error{"unexpected write"};
    }
    static Result<void> write_text_over(const fs::path& file, std::string_view text) {
        std::ofstream(file) << text;
        return {};
    }
    Result<void> probe(const std::string& name) {
        const fs::path device = fs::path(kDevices) / name;
        std::string driver = *read_text(tree.path / device / "driver_override");
        if (driver == "(null)") driver = "e1000e";
        if (!accepts.contains(driver)) return Error{"No such device"};
        tree.link(device / "driver", "bus/pci/drivers/" + driver);
        return {};
    }

    [[nodiscard]] PciHooks hooks() {
        return {.write = [this](const fs::path& file, std::string_view text) { return write(file, text); },
                .load_module =
                    [this](const std::string& module) {
                        if (!modules.contains(module)) return false;
                        fs::create_directories(tree.path / "bus/pci/drivers" / module);
                        return true;
                    },
                .netdev_in_use = [this](const std::string& netdev) -> Result<std::optional<std::string>> {
                    if (netdev == used_netdev)
                        return std::optional<std::string>{netdev + " has the address 192.0.2.1/24"};
                    return std::optional<std::string>{};
                },
                .netdev_is_up = [this](const std::string&) -> Result<bool> { return netdev_up; },
                .bring_up = [this](const std::string& netdev) -> Result<void> {
                    log.push_back("up " + netdev);
                    return {};
                }};
    }

    TempDir tree;
    std::set<std::string> accepts; // drivers that take the NIC
    std::set<std::string> modules;
    std::string used_netdev;
    bool netdev_up = false;
    std::vector<std::string> log;
};

} // namespace

TEST_CASE("a PCI address is read in the forms people write, and written as sysfs does") {
    CHECK(PciAddress::parse("01:00.0")->to_string() == "0000:01:00.0");
    CHECK(PciAddress::parse("0000:AF:1f.7")->to_string() == "0000:af:1f.7");
    CHECK(PciAddress::parse("10000:01:00.0")->to_string() == "10000:01:00.0"); // VMD
    for (const char* bad : {"", "01:00", "01:00.8", "01:20.0", "01:00.0 ", "x:01:00.0", "0000:01:00.0.0",
                            "100:00.0", "01:00.", ":01:00.0", "eth0", "0000:0000:01:00.0", "01:-1.0"})
        CHECK_FALSE(PciAddress::parse(bad).has_value());
}

TEST_CASE("a PCI device is described from sysfs") {
    FakeKernel kernel;
    const PciBus bus(kernel.tree.path, kernel.hooks());
    const PciDevice nic = bus.device(kNic).value();
    CHECK(nic.vendor_id == 0x8086);
    CHECK(nic.device_id == 0x10d3);
    CHECK(nic.is_network());
    CHECK(nic.driver == "e1000e");
    CHECK(nic.iommu_group == 12);
    CHECK(nic.numa_node == 0);
    CHECK(nic.netdevs == std::vector<std::string>{"eth0"});
    CHECK(nic.link_up == true);
    const PciDevice unbound = bus.device(kNeighbour).value();
    CHECK(unbound.driver.empty());
    CHECK_FALSE(unbound.link_up.has_value());
    CHECK(bus.device(*PciAddress::parse("02:00.0")).error() == "there is no PCI device 0000:02:00.0");
}

TEST_CASE("a virtio NIC's netdev is found below its virtio device") {
    FakeKernel kernel;
    kernel.add("0000:00:05.0", "0x1af4", "0x1041", "0x020000", "virtio-pci", 5, -1);
    kernel.tree.file(std::string(kDevices) + "0000:00:05.0/virtio3/net/ens5/mtu", "1500");
    const PciBus bus(kernel.tree.path, kernel.hooks());
    const PciDevice nic = bus.device(*PciAddress::parse("00:05.0")).value();
    CHECK(nic.netdevs == std::vector<std::string>{"ens5"});
    CHECK(nic.numa_node == -1);
}

TEST_CASE("only network controllers are listed, by address") {
    FakeKernel kernel;
    const PciBus bus(kernel.tree.path, kernel.hooks());
    const auto devices = bus.network_devices();
    REQUIRE(devices.size() == 2);
    CHECK(devices[0].address == kNic);
    CHECK(devices[1].address == kNeighbour);
    const TempDir empty;
    CHECK(PciBus(empty.path, kernel.hooks()).network_devices().empty());
}

TEST_CASE("a device is in use when one of its netdevs is") {
    FakeKernel kernel;
    const PciBus bus(kernel.tree.path, kernel.hooks());
    CHECK_FALSE(bus.in_use(kNic).value().has_value());
    kernel.used_netdev = "eth0";
    CHECK(bus.in_use(kNic).value() == "eth0 has the address 192.0.2.1/24");
    CHECK_FALSE(bus.in_use(kNeighbour).value().has_value());
}

TEST_CASE("a device is bound through driver_override and given back") {
    FakeKernel kernel;
    kernel.netdev_up = true;
    const PciBus bus(kernel.tree.path, kernel.hooks());
    {
        auto binding = bus.bind(kNic, "vfio-pci");
        REQUIRE(binding.ok());
        CHECK(binding.value().former_driver() == "e1000e");
        CHECK(bus.device(kNic).value().driver == "vfio-pci");
    }
    CHECK(bus.device(kNic).value().driver == "e1000e");
    CHECK(kernel.log == std::vector<std::string>{
                            "bus/pci/devices/0000:01:00.0/driver_override < vfio-pci",
                            "bus/pci/drivers/e1000e/unbind < 0000:01:00.0",
                            "bus/pci/drivers_probe < 0000:01:00.0",
                            "bus/pci/devices/0000:01:00.0/driver_override < e1000e",
                            "bus/pci/drivers/vfio-pci/unbind < 0000:01:00.0",
                            "bus/pci/drivers_probe < 0000:01:00.0",
                            "bus/pci/devices/0000:01:00.0/driver_override < ",
                            "up eth0",
                        });
    CHECK(read_text(kernel.tree.path / kDevices / "0000:01:00.0/driver_override") == "(null)");
}

TEST_CASE("a device without a driver is without one again after restore") {
    FakeKernel kernel;
    kernel.tree.link(std::string(kDevices) + "0000:01:00.0/driver", "bus/pci/drivers/vfio-pci");
    const PciBus bus(kernel.tree.path, kernel.hooks());
    auto binding = bus.bind(kNeighbour, "vfio-pci");
    REQUIRE(binding.ok());
    REQUIRE(binding.value().restore().ok());
    CHECK(bus.device(kNeighbour).value().driver.empty());
    CHECK(binding.value().restore().ok()); // a second time does nothing
}

TEST_CASE("an override that an administrator had set is there again after restore") {
    FakeKernel kernel;
    kernel.tree.file(std::string(kDevices) + "0000:01:00.0/driver_override", "e1000e");
    const PciBus bus(kernel.tree.path, kernel.hooks());
    REQUIRE(bus.bind(kNic, "vfio-pci").ok()); // and released at once
    CHECK(read_text(kernel.tree.path / kDevices / "0000:01:00.0/driver_override") == "e1000e");
    CHECK(bus.device(kNic).value().driver == "e1000e");
}

TEST_CASE("a device that has the driver already is left alone") {
    FakeKernel kernel;
    const PciBus bus(kernel.tree.path, kernel.hooks());
    REQUIRE(bus.bind(kNic, "e1000e").ok());
    CHECK(kernel.log.empty());
}

TEST_CASE("a driver that will not take the device leaves it with its former one") {
    FakeKernel kernel;
    kernel.accepts = {"e1000e"};
    const PciBus bus(kernel.tree.path, kernel.hooks());
    auto binding = bus.bind(kNic, "vfio-pci");
    REQUIRE_FALSE(binding.ok());
    CHECK(binding.error() == "driver vfio-pci does not take 0000:01:00.0: No such device");
    CHECK(bus.device(kNic).value().driver == "e1000e");
    CHECK(read_text(kernel.tree.path / kDevices / "0000:01:00.0/driver_override") == "(null)");
}

TEST_CASE("a missing module is told before anything is touched") {
    FakeKernel kernel;
    kernel.modules.clear();
    const PciBus bus(kernel.tree.path, kernel.hooks());
    CHECK(bus.bind(kNic, "vfio-pci").error() ==
          "driver vfio-pci is missing: this kernel has no such module; install it or name another driver");
    CHECK(bus.bind(kNic, "../x").error() == "'../x' is no driver name");
    CHECK(bus.bind(*PciAddress::parse("09:00.0"), "vfio-pci").error() ==
          "there is no PCI device 0000:09:00.0");
    CHECK(kernel.log.empty());
}

TEST_CASE("VFIO is refused while another driver holds a device of the group") {
    FakeKernel kernel;
    kernel.tree.link(std::string(kDevices) + "0000:01:00.1/driver", "bus/pci/drivers/igb");
    const PciBus bus(kernel.tree.path, kernel.hooks());
    CHECK(bus.group_blockers(kNic) == std::vector<std::string>{"0000:01:00.1 (igb)"});
    CHECK(bus.bind(kNic, "vfio-pci").error() ==
          "IOMMU group 12 of 0000:01:00.0 also has 0000:01:00.1 (igb): unbind or bind them to vfio-pci too");
    CHECK(kernel.log.empty());
    kernel.tree.link(std::string(kDevices) + "0000:01:00.1/driver", "bus/pci/drivers/pci-stub");
    CHECK(bus.group_blockers(kNic).empty());
}

TEST_CASE("a bridge in the group is no obstacle") {
    FakeKernel kernel;
    kernel.add("0000:00:01.0", "0x8086", "0x1901", "0x060400", "shpchp", 12, -1);
    const PciBus bus(kernel.tree.path, kernel.hooks());
    CHECK(bus.group_blockers(kNic).empty());
}

TEST_CASE("without an IOMMU VFIO is refused unless its unsafe mode is on") {
    FakeKernel kernel;
    fs::remove(kernel.tree.path / kDevices / "0000:01:00.0/iommu_group");
    const PciBus bus(kernel.tree.path, kernel.hooks());
    CHECK(bus.bind(kNic, "vfio-pci").error().starts_with("there is no IOMMU for 0000:01:00.0: enable it"));
    kernel.tree.file("module/vfio/parameters/enable_unsafe_noiommu_mode", "Y");
    CHECK(bus.bind(kNic, "vfio-pci").ok());
}

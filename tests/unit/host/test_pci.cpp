// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

#include "host/files.hpp"
#include "host/nics.hpp"
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
                },
                .rename = [this](const std::string& netdev, const std::string& name) -> Result<void> {
                    log.push_back("rename " + netdev + " " + name);
                    return {};
                }};
    }
    // The netdev comes under another name when the kernel's driver has the NIC again.
    void call_it(const std::string& name) const {
        fs::remove_all(tree.path / kDevices / "0000:01:00.0/net");
        tree.file(std::string(kDevices) + "0000:01:00.0/net/" + name + "/carrier", "1");
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

TEST_CASE("devices that are taken together may share a group") {
    FakeKernel kernel;
    kernel.tree.link(std::string(kDevices) + "0000:01:00.1/driver", "bus/pci/drivers/igb");
    const PciBus bus(kernel.tree.path, kernel.hooks());
    CHECK(bus.bind(kNic, "vfio-pci", {kNic, kNeighbour}).ok());
}

TEST_CASE("a netdev has its former name again, whatever the kernel called it") {
    FakeKernel kernel;
    kernel.netdev_up = true;
    const PciBus bus(kernel.tree.path, kernel.hooks());
    auto binding = bus.bind(kNic, "vfio-pci");
    REQUIRE(binding.ok());
    kernel.call_it("eth7");
    REQUIRE(binding.value().restore().ok());
    REQUIRE(kernel.log.size() >= 2);
    CHECK(kernel.log[kernel.log.size() - 2] == "rename eth7 eth0");
    CHECK(kernel.log.back() == "up eth0");
}

TEST_CASE("a device that somebody has bound elsewhere meanwhile is left to them") {
    FakeKernel kernel;
    const PciBus bus(kernel.tree.path, kernel.hooks());
    auto binding = bus.bind(kNic, "vfio-pci");
    REQUIRE(binding.ok());
    kernel.tree.link(std::string(kDevices) + "0000:01:00.0/driver", "bus/pci/drivers/pci-stub");
    kernel.log.clear();
    CHECK(binding.value().restore().ok());
    CHECK(kernel.log.empty());
    CHECK(bus.device(kNic).value().driver == "pci-stub");
}

TEST_CASE("what a process that died had taken is found and given back by the next") {
    FakeKernel kernel;
    kernel.netdev_up = true;
    const fs::path notes = kernel.tree.path / "notes";
    const pid_t child = ::fork();
    if (child == 0) { // takes the NIC and dies as by kill -9
        const PciBus bus(kernel.tree.path, kernel.hooks(), notes);
        auto binding = bus.bind(kNic, "vfio-pci");
        if (binding) binding.value().note_own_mac(Mac{{2, 0, 0, 0, 0, 7}});
        ::_exit(binding.ok() && bus.is_lent(kNic) ? 0 : 1);
    }
    int status = 1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    const PciBus bus(kernel.tree.path, kernel.hooks(), notes);
    CHECK(bus.device(kNic).value().driver == "vfio-pci");
    CHECK_FALSE(bus.is_lent(kNic));
    {
        auto left = bus.leftovers();
        REQUIRE(left.size() == 1);
        CHECK(left[0].address() == kNic);
        CHECK(left[0].driver() == "vfio-pci");
        CHECK(left[0].former_driver() == "e1000e");
        CHECK(left[0].own_mac() == Mac{{2, 0, 0, 0, 0, 7}});
        CHECK(bus.is_lent(kNic));       // ours now …
        CHECK(bus.leftovers().empty()); // … and nobody else's
        REQUIRE(left[0].restore().ok());
    }
    CHECK(bus.device(kNic).value().driver == "e1000e");
    CHECK(kernel.log.back() == "up eth0");
    CHECK_FALSE(fs::exists(notes));
}

TEST_CASE("a device that a living process has is neither a leftover nor to be had") {
    FakeKernel kernel;
    const fs::path notes = kernel.tree.path / "notes";
    const PciBus bus(kernel.tree.path, kernel.hooks(), notes);
    auto first = bus.bind(kNic, "vfio-pci");
    REQUIRE(first.ok());
    CHECK(bus.leftovers().empty());
    kernel.tree.link(std::string(kDevices) + "0000:01:00.0/driver", "bus/pci/drivers/e1000e");
    CHECK(bus.bind(kNic, "vfio-pci").error() == "0000:01:00.0 is in the hands of a running dpdk-bond");
    REQUIRE(first.value().restore().ok());
    CHECK_FALSE(bus.is_lent(kNic));
}

TEST_CASE("a note that its writer did not finish is forgotten") {
    FakeKernel kernel;
    kernel.tree.file("notes/pci-0000:01:00.0", "address 0000:01");
    const PciBus bus(kernel.tree.path, kernel.hooks(), kernel.tree.path / "notes");
    CHECK(bus.leftovers().empty());
    CHECK(kernel.log.empty());
    CHECK_FALSE(fs::exists(kernel.tree.path / "notes"));
}

TEST_CASE("a PCI device's model is told by the database, else by number") {
    const TempDir tree;
    tree.file("pci.ids", "# comment\n8086  Intel Corporation\n\t10d3  82574L Gigabit\n\t\t103c 3250  a card\n"
                         "\t10d4  other\n8087  Nobody\n\t10d5  wrong\n");
    const auto model = [&](std::uint16_t vendor, std::uint16_t device) {
        return pci_model(vendor, device, {tree.path / "missing", tree.path / "pci.ids"});
    };
    CHECK(model(0x8086, 0x10d3) == "Intel Corporation 82574L Gigabit");
    CHECK(model(0x8086, 0x10d5) == "Intel Corporation 10d5");
    CHECK(model(0x1af4, 0x1000) == "1af4:1000");
    CHECK(pci_model(0x8086, 0x10d3, {}) == "8086:10d3");
}

TEST_CASE("the NICs are listed with all that one chooses them by") {
    FakeKernel kernel;
    kernel.tree.link(std::string(kDevices) + "0000:01:00.1/driver", "bus/pci/drivers/igb");
    kernel.used_netdev = "eth0";
    const PciBus bus(kernel.tree.path, kernel.hooks(), kernel.tree.path / "notes");
    const auto nics = list_nics(bus);
    REQUIRE(nics.size() == 2);
    CHECK(nics[0].in_use == "eth0 has the address 192.0.2.1/24");
    CHECK(nics[0].group_mates == std::vector<std::string>{"0000:01:00.1 (igb)"});
    CHECK(nics[1].in_use.empty());
    const std::string text = nics_text(nics);
    CHECK(text.find("0000:01:00.0  e1000e  12*    0     up    eth0    eth0 has the address 192.0.2.1/24") !=
          std::string::npos);
    CHECK(text.find("* IOMMU group 12 of 0000:01:00.0 also has 0000:01:00.1 (igb)") != std::string::npos);
    const auto json = nlohmann::json::parse(nics_json(nics));
    CHECK(json.at(0).at("address") == "0000:01:00.0");
    CHECK(json.at(0).at("driver") == "e1000e");
    CHECK(json.at(0).at("iommu_group") == 12);
    CHECK(json.at(0).at("numa_node") == 0);
    CHECK(json.at(0).at("netdevs") == std::vector<std::string>{"eth0"});
    CHECK(json.at(0).at("link_up") == true);
    CHECK(json.at(1).at("in_use").is_null());
    CHECK(nics_text({}) == "this machine has no PCI network devices\n");
    CHECK(nics_json({}) == "[]\n");
}

// SPDX-License-Identifier: BSD-3-Clause
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <catch2/catch.hpp>

#include "config/import.hpp"
#include "config/load.hpp"

using namespace dpdkbond;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;

// A tree as /sys/class/net of Linux 6.1, in a folder that goes with it.
class FakeSysfs {
public:
    FakeSysfs() {
        std::string pattern = (fs::temp_directory_path() / "import-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        top_ = pattern;
        fs::create_directories(net());
    }
    ~FakeSysfs() {
        std::error_code ignored;
        fs::remove_all(top_, ignored);
    }
    FakeSysfs(const FakeSysfs&) = delete;
    FakeSysfs& operator=(const FakeSysfs&) = delete;

    fs::path net() const { return top_ / "class" / "net"; }

    void write(const fs::path& path, const std::string& text) const {
        fs::create_directories((net() / path).parent_path());
        // An empty value is an empty file there, any other ends its line.
        std::ofstream(net() / path) << text << (text.empty() ? "" : "\n");
    }

    // The files of a bond in a mode without members, as `ip link add bond0 type bond` leaves them, but for
    // `changes`.
    void bond(const std::string& name, const Files& changes) const {
        Files files = {{"active_slave", ""},
                       {"ad_actor_key", ""},
                       {"ad_actor_sys_prio", ""},
                       {"ad_actor_system", ""},
                       {"ad_aggregator", ""},
                       {"ad_num_ports", ""},
                       {"ad_partner_key", ""},
                       {"ad_partner_mac", ""},
                       {"ad_select", "stable 0"},
                       {"ad_user_port_key", ""},
                       {"all_slaves_active", "0"},
                       {"arp_all_targets", "any 0"},
                       {"arp_interval", "0"},
                       {"arp_ip_target", ""},
                       {"arp_missed_max", "2"},
                       {"arp_validate", "none 0"},
                       {"downdelay", "0"},
                       {"fail_over_mac", "none 0"},
                       {"lacp_active", "on 1"},
                       {"lacp_rate", "slow 0"},
                       {"lp_interval", "1"},
                       {"mii_status", "down"},
                       {"miimon", "0"},
                       {"min_links", "0"},
                       {"mode", "balance-rr 0"},
                       {"num_grat_arp", "1"},
                       {"num_unsol_na", "1"},
                       {"packets_per_slave", "1"},
                       {"peer_notif_delay", "0"},
                       {"primary", ""},
                       {"primary_reselect", "always 0"},
                       {"queue_id", ""},
                       {"resend_igmp", "1"},
                       {"slaves", ""},
                       {"tlb_dynamic_lb", "1"},
                       {"updelay", "0"},
                       {"use_carrier", "1"},
                       {"xmit_hash_policy", "layer2 0"}};
        for (const auto& [file, text] : changes) files[file] = text;
        for (const auto& [file, text] : files) write(fs::path(name) / "bonding" / file, text);
        write(fs::path(name) / "mtu", "1500");
        write(fs::path(name) / "address", "16:e7:66:31:a7:81");
        write(fs::path(name) / "addr_assign_type", "2");
    }

    void slave(const std::string& bond, const std::string& name, const std::string& queue_id = "0") const {
        const Files files = {{"ad_actor_oper_port_state", "N/A"},
                             {"ad_aggregator_id", "N/A"},
                             {"ad_partner_oper_port_state", "N/A"},
                             {"link_failure_count", "0"},
                             {"mii_status", "up"},
                             {"perm_hwaddr", "3e:f5:5c:f7:e2:31"},
                             {"queue_id", queue_id},
                             {"state", "backup"}};
        for (const auto& [file, text] : files) write(fs::path(name) / "bonding_slave" / file, text);
        fs::create_symlink("../" + bond, net() / name / "master");
        fs::create_symlink("../" + name, net() / bond / ("lower_" + name));
    }

    // A device below /sys/devices that the netdev's `device` points to.
    void device(const std::string& name, const std::string& path, const std::string& driver) const {
        const fs::path device = top_ / "devices" / path;
        fs::create_directories(device);
        fs::create_directories(top_ / "drivers" / driver);
        fs::create_symlink(top_ / "drivers" / driver, device / "driver");
        fs::create_directory_symlink(device, net() / name / "device");
    }

    std::string import(const std::string& name) const {
        const Result<std::string> text = import_bond(name, net().string());
        INFO((text ? "" : text.error()));
        REQUIRE(text.ok());
        return text.value();
    }

private:
    fs::path top_;
};

BondConfig loaded(const std::string& text) {
    const LoadedConfig config = parse_config(text);
    INFO(text);
    for (const ConfigProblem& problem : config.problems) UNSCOPED_INFO(problem_line("import", problem));
    REQUIRE(config.problems.empty());
    REQUIRE(config.config.bonds.size() == 1);
    return config.config.bonds[0];
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("an active-backup bond is imported with what differs from the defaults") {
    const FakeSysfs sysfs;
    sysfs.bond("b0", {{"mode", "active-backup 1"},
                      {"active_slave", "v0"},
                      {"mii_status", "up"},
                      {"miimon", "100"},
                      {"updelay", "200"},
                      {"num_grat_arp", "3"},
                      {"num_unsol_na", "3"},
                      {"primary", "v0"},
                      {"primary_reselect", "failure 2"},
                      {"queue_id", "v0:0 v1:0"},
                      {"slaves", "v0 v1"}});
    sysfs.slave("b0", "v0");
    sysfs.slave("b0", "v1");
    const std::string text = sysfs.import("b0");
    CHECK(text ==
          "# The Linux bond b0, which must give up its name and its members first: ip link delete b0\n"
          "bonds:\n"
          "  - name: \"b0\"\n"
          "    mode: active-backup\n"
          "    updelay: 200\n"
          "    primary: \"v0\"\n"
          "    primary_reselect: failure\n"
          "    num_grat_arp: 3\n"
          "    members:\n"
          "      # A prio, if set, is not in sysfs: ip -d link show MEMBER tells it.\n"
          "      - device: \"net_af_packet0,iface=v0\"\n"
          "      - device: \"net_af_packet1,iface=v1\"\n");
    const BondConfig bond = loaded(text);
    CHECK(bond.mode == Mode::active_backup);
    CHECK(bond.options.updelay == 200);
    CHECK(bond.options.num_grat_arp == 3);
    CHECK(bond.options.primary_reselect == PrimaryReselect::failure);
    CHECK(bond.options.primary == "v0");
    REQUIRE(bond.members.size() == 2);
    CHECK(bond.members[1].name == "v1");
}

TEST_CASE("a bond as Linux makes it keeps its miimon of 0") {
    const FakeSysfs sysfs;
    sysfs.bond("bond0", {});
    const BondConfig bond = loaded(sysfs.import("bond0"));
    CHECK(bond.mode == Mode::balance_rr);
    CHECK(bond.options.miimon == 0);
    CHECK(bond.given == option_bit(option_index(*find_option("miimon"))));
    CHECK(bond.members.empty());
}

TEST_CASE("ARP monitoring is imported") {
    const FakeSysfs sysfs;
    sysfs.bond("a0", {{"mode", "active-backup 1"},
                      {"arp_interval", "200"},
                      {"arp_ip_target", "192.0.2.1 192.0.2.2"},
                      {"arp_validate", "all 3"}});
    const std::string text = sysfs.import("a0");
    CHECK(contains(text, "\n    arp_interval: 200"));
    CHECK(contains(text, "\n    arp_ip_target: [\"192.0.2.1\", \"192.0.2.2\"]"));
    CHECK(contains(text, "\n    arp_validate: all"));
    CHECK_FALSE(contains(text, "miimon"));
    loaded(text);
}

TEST_CASE("values that cannot be taken over become comments") {
    const FakeSysfs sysfs;
    sysfs.bond("b0", {{"mode", "active-backup 1"},
                      {"fail_over_mac", "follow 2"},
                      {"use_carrier", "0"},
                      {"primary", "gone"}});
    const std::string text = sysfs.import("b0");
    CHECK(contains(text, "# use_carrier: 0  # "));
    CHECK(contains(text, "fail_over_mac: follow"));
    CHECK(contains(text, "# primary: \"gone\"  # not among the members"));
    loaded(text);
}

TEST_CASE("options of other modes are left out though Linux shows them") {
    const FakeSysfs sysfs;
    sysfs.bond("b0", {{"mode", "balance-xor 2"},
                      {"miimon", "100"},
                      {"packets_per_slave", "7"},
                      {"lacp_rate", "fast 1"},
                      {"tlb_dynamic_lb", "0"},
                      {"xmit_hash_policy", "layer3+4 1"}});
    const BondConfig bond = loaded(sysfs.import("b0"));
    CHECK(bond.mode == Mode::balance_xor);
    CHECK(bond.options.xmit_hash_policy == HashPolicy::layer34);
    CHECK(bond.given == option_bit(option_index(*find_option("xmit_hash_policy"))));
}

TEST_CASE("an 802.3ad bond keeps its mode") {
    const FakeSysfs sysfs;
    sysfs.bond("b4", {{"mode", "802.3ad 4"},
                      {"lacp_rate", "fast 1"},
                      {"miimon", "100"},
                      {"ad_actor_sys_prio", "65535"},
                      {"ad_actor_system", "00:00:00:00:00:00"},
                      {"ad_user_port_key", "0"},
                      {"ad_actor_key", "0"}});
    const std::string text = sysfs.import("b4");
    CHECK(contains(text, "mode: 802.3ad"));
    CHECK(contains(text, "lacp_rate: fast"));
    CHECK_FALSE(contains(text, "ad_actor"));
    const LoadedConfig config = parse_config(text);
    CHECK(config.problems.empty());
    CHECK(config.config.bonds.at(0).mode == Mode::ieee8023ad);
}

TEST_CASE("a member on PCI is imported by its address and keeps its name") {
    const FakeSysfs sysfs;
    sysfs.bond("b0", {{"mode", "active-backup 1"},
                      {"primary", "ens2"},
                      {"slaves", "ens1 ens2 ens3 usb0"},
                      {"miimon", "100"}});
    for (const char* name : {"ens1", "ens2", "ens3", "usb0"}) sysfs.slave("b0", name);
    sysfs.device("ens1", "pci0000:00/0000:00:03.0", "e1000e");
    sysfs.device("ens2", "pci0000:00/0000:00:04.0/virtio1", "virtio_net");
    sysfs.device("ens3", "pci0000:00/0000:00:01.0/0000:17:00.1", "mlx5_core");
    sysfs.device("usb0", "pci0000:00/0000:00:05.0/usb1/1-1/1-1:1.0", "cdc_ether");
    const BondConfig bond = loaded(sysfs.import("b0"));
    REQUIRE(bond.members.size() == 4);
    CHECK(bond.members[0].device == "0000:00:03.0");
    CHECK(bond.members[0].name == "ens1");
    CHECK(bond.members[0].driver.empty());
    CHECK(bond.members[1].device == "0000:00:04.0");
    CHECK(bond.members[1].name == "ens2");
    CHECK(bond.members[2].device == "0000:17:00.1");
    CHECK(bond.members[2].driver == "none");
    CHECK(bond.members[3].device == "net_af_packet3,iface=usb0");
    CHECK(bond.options.primary == "ens2");
}

TEST_CASE("a member's queue number is imported") {
    const FakeSysfs sysfs;
    sysfs.bond("b0", {{"slaves", "v0"}, {"miimon", "100"}});
    sysfs.slave("b0", "v0", "3");
    const std::string text = sysfs.import("b0");
    CHECK(contains(text, "queue_id: 3"));
    CHECK(contains(text, "queues: 4"));
    CHECK(loaded(text).logical.queues == 4);
}

TEST_CASE("the interface's own settings are imported when somebody set them") {
    const FakeSysfs sysfs;
    sysfs.bond("b0", {{"miimon", "100"}});
    CHECK_FALSE(contains(sysfs.import("b0"), "logical"));
    sysfs.write("b0/mtu", "9000");
    sysfs.write("b0/addr_assign_type", "3");
    const BondConfig bond = loaded(sysfs.import("b0"));
    CHECK(bond.logical.mtu == 9000);
    CHECK(bond.logical.mac == Mac::parse("16:e7:66:31:a7:81"));
}

TEST_CASE("what is no bond is refused") {
    const FakeSysfs sysfs;
    sysfs.write("eth0/mtu", "1500");
    for (const char* name : {"eth0", "nothing", "", ".", "..", "../net/eth0", "a b"}) {
        INFO(name);
        const auto result = import_bond(name, sysfs.net().string());
        REQUIRE_FALSE(result.ok());
        CHECK_THAT(result.error(), Catch::Contains("is not a Linux bond"));
    }
    sysfs.bond("odd", {{"mode", "team 9"}});
    CHECK_THAT(import_bond("odd", sysfs.net().string()).error(), Catch::Contains("cannot read the mode"));
}

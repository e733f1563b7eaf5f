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
                             {"perm_hwaddr", "16:e7:66:31:a7:81"},
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
          "    miimon: 100\n" // Linux's default is 0
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

TEST_CASE("Linux's miimon of 0 is nobody's wish: a comment, and 100 holds", "[field-7]") {
    const FakeSysfs sysfs;
    sysfs.bond("bond0", {});
    const std::string text = sysfs.import("bond0");
    CHECK(contains(text, "\n    # miimon: 0  # Linux watches no link then"));
    const BondConfig bond = loaded(text);
    CHECK(bond.mode == Mode::balance_rr);
    CHECK(bond.options.miimon == 100);
    CHECK(bond.given == OptionSet{0});
    CHECK(bond.members.empty());
}

TEST_CASE("a MAC that the bond would not take by itself is imported", "[field-9]") {
    const char* kOwn = "16:e7:66:31:a7:81";
    const auto imported = [&](const Files& options, const std::string& first, const std::string& second) {
        const FakeSysfs sysfs;
        Files files = {{"slaves", "v0 v1"}, {"miimon", "100"}};
        for (const auto& [file, text] : options) files[file] = text;
        sysfs.bond("b0", files);
        for (const char* slave : {"v0", "v1"}) sysfs.slave("b0", slave);
        sysfs.write("v0/bonding_slave/perm_hwaddr", first);
        sysfs.write("v1/bonding_slave/perm_hwaddr", second);
        const std::string text = sysfs.import("b0");
        loaded(text);
        return text;
    };
    const std::string mac = "\n      mac: \"16:e7:66:31:a7:81\"", other = "3e:f5:5c:f7:e2:31";
    CHECK_FALSE(contains(imported({}, kOwn, other), "mac:"));
    CHECK(contains(imported({}, other, "3e:f5:5c:f7:e2:32"), mac)); // of a member that has left
    CHECK(contains(imported({}, other, kOwn), mac));                // of one that is not the first any more
    CHECK(contains(imported({{"mode", "802.3ad 4"}}, other, kOwn), mac));
    const Files active = {{"mode", "active-backup 1"}, {"fail_over_mac", "active 1"}};
    CHECK_FALSE(contains(imported(active, other, kOwn), "mac: \""));
    CHECK(contains(imported(active, other, other),
                   "\n    # logical:\n      # mac: \"16:e7:66:31:a7:81\"  # with fail_over_mac active"));
    CHECK(contains(imported({{"mode", "active-backup 1"}, {"fail_over_mac", "follow 2"}}, other, kOwn), mac));
}

TEST_CASE("what ends with the Linux bond stands in comments", "[field-9]") {
    const FakeSysfs sysfs;
    sysfs.bond("b0", {{"miimon", "100"}, {"slaves", "v0"}});
    sysfs.slave("b0", "v0");
    for (const char* upper : {"b0.10", "br0", "mv"})
        sysfs.write(fs::path("b0") / ("upper_" + std::string(upper)), "");
    sysfs.write("b0.10/uevent", "DEVTYPE=vlan\nINTERFACE=b0.10");
    sysfs.write("br0/uevent", "DEVTYPE=bridge");
    sysfs.write("../../proc/net/route",
                "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
                "b0\t00000000\tFE0200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
                "b0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                "eth9\t0000000A\tFE0200C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n"
                "b0\t0000000A\tFE0200C0\t0003\t0\t0\t50\t000000FF\t0\t0\t0");
    sysfs.write("../../proc/net/ipv6_route",
                "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
                "00000000000000000000000000000000 00000100 00000001 "
                "00000000 00000001 b0\n"
                "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                "fe800000000000000000000000000001 00000400 00000001 "
                "00000000 00000003 b0\n"
                "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                "fe800000000000000000000000000002 00000400 00000001 "
                "00000000 00450003 b0");
    const std::string text = sysfs.import("b0");
    CHECK(contains(
        text,
        "# On top of it, and gone with it: b0.10 (vlan)\n# On top of it, and gone with it: br0 (bridge)\n"
        "# On top of it, and gone with it: mv\n"
        "# A route by it, and gone with it: ip route add default via 192.0.2.254 dev b0\n"
        "# A route by it, and gone with it: ip route add 10.0.0.0/8 via 192.0.2.254 metric 50 dev b0\n"
        "# A route by it, and gone with it: ip route add default via fe80::1 dev b0\nbonds:\n"));
    loaded(text);
}

TEST_CASE("names that cannot stay are replaced, with the reason", "[field-10]") {
    const FakeSysfs sysfs;
    sysfs.bond("b#1",
               {{"mode", "active-backup 1"}, {"miimon", "100"}, {"primary", "v#0"}, {"slaves", "v#0 all"}});
    sysfs.slave("b#1", "v#0");
    sysfs.slave("b#1", "all");
    const BondConfig bond = loaded(sysfs.import("b#1"));
    CHECK(bond.name == "bond0");
    REQUIRE(bond.members.size() == 2);
    CHECK(bond.members[0].name == "v_0");
    CHECK(bond.members[0].device == "net_af_packet0,iface=v#0");
    CHECK(bond.members[1].name == "m-all");
    CHECK(bond.options.primary == "v_0");
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
    CHECK(bond.given == (option_bit(option_index(*find_option("miimon"))) |
                         option_bit(option_index(*find_option("xmit_hash_policy")))));
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

// SPDX-License-Identifier: BSD-3-Clause
// Bonds as netplan, ifcfg, NetworkManager, networkd and ifupdown write them: the YAML must pass --check and
// say the same.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <catch2/catch.hpp>

#include "config/import_file.hpp"
#include "config/load.hpp"

using namespace dpdkbond;
namespace fs = std::filesystem;

namespace {

// Files in a folder that goes with it.
class Folder {
public:
    explicit Folder(const std::map<std::string, std::string>& files) {
        std::string pattern = (fs::temp_directory_path() / "import-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        top_ = pattern;
        for (const auto& [name, text] : files) {
            fs::create_directories((top_ / name).parent_path());
            std::ofstream(top_ / name) << text;
        }
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(top_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string at(const std::string& name = "") const { return (top_ / name).string(); }

private:
    fs::path top_;
};

struct Imported {
    std::string yaml;
    BondConfig bond;
    [[nodiscard]] std::vector<std::string> members() const {
        std::vector<std::string> names;
        for (const MemberConfig& m : bond.members) names.push_back(m.name);
        return names;
    }
    [[nodiscard]] bool has(const std::string& text) const { return yaml.find(text) != std::string::npos; }
};

Imported imported(const std::string& path, const std::string& bond = {}) {
    const auto yaml = import_files(path, bond, "/nonexistent");
    INFO((yaml ? yaml.value() : yaml.error()));
    REQUIRE(yaml);
    LoadedConfig loaded = parse_config(yaml.value());
    for (const ConfigProblem& p : loaded.problems) UNSCOPED_INFO(problem_line("it", p));
    REQUIRE(loaded.problems.empty());
    REQUIRE(loaded.config.bonds.size() == 1);
    return {yaml.value(), loaded.config.bonds[0]};
}

const std::vector<std::string> kTwo{"eth1", "eth2"};

// What each of the systems says of its bond in these tests.
void check_active_backup(const Imported& i) {
    INFO(i.yaml);
    CHECK(i.bond.name == "bond0");
    CHECK(i.bond.mode == Mode::active_backup);
    CHECK(i.bond.options.miimon == 200);
    CHECK(i.bond.options.updelay == 400);
    CHECK(i.bond.options.primary == "eth1");
    CHECK(i.members() == kTwo);
    CHECK(i.bond.members[0].device == "net_af_packet0,iface=eth1");
    REQUIRE(i.bond.logical.addresses.size() == 1);
    CHECK(i.bond.logical.addresses[0].to_string() == "192.0.2.10/24");
    CHECK(i.bond.logical.mtu == 9000);
    CHECK(i.has("# "));
    CHECK(i.has("192.0.2.1")); // the gateway, which is not taken over
}

void check_lacp(const Imported& i) {
    INFO(i.yaml);
    CHECK(i.bond.mode == Mode::ieee8023ad);
    CHECK(i.bond.options.miimon == 100);
    CHECK(i.bond.options.lacp_rate == LacpRate::fast);
    CHECK(i.bond.options.xmit_hash_policy == HashPolicy::layer34);
    CHECK(i.bond.options.min_links == 1);
    CHECK(i.members() == kTwo);
    CHECK(i.has("dhcp") + i.has("DHCP") + i.has("auto") > 0); // … as a comment
}

} // namespace

TEST_CASE("netplan's bonds are imported, from one file or several of a folder") {
    const Folder f(
        {{"01-links.yaml", "network:\n"
                           "  version: 2\n"
                           "  ethernets:\n"
                           "    eth1: {}\n"
                           "    eth2: {}\n"
                           "  bonds:\n"
                           "    bond0:\n"
                           "      interfaces: [eth1, eth2]\n"
                           "      parameters:\n"
                           "        mode: active-backup\n"
                           "        mii-monitor-interval: 200\n"
                           "        up-delay: 400ms\n"
                           "        primary: eth1\n"},
         {"02-addresses.yaml", "network:\n"
                               "  bonds:\n"
                               "    bond0:\n"
                               "      mtu: 9000\n"
                               "      addresses: [192.0.2.10/24]\n"
                               "      routes: [{to: default, via: 192.0.2.1}]\n"
                               "  vlans:\n"
                               "    bond0.5: {id: 5, link: bond0}\n"},
         {"lacp/lacp.yaml", "network:\n"
                            "  bonds:\n"
                            "    lag:\n"
                            "      interfaces: [eth1, eth2]\n"
                            "      dhcp4: true\n"
                            "      parameters: {mode: 802.3ad, mii-monitor-interval: 100, lacp-rate: fast,\n"
                            "                   transmit-hash-policy: layer3+4, min-links: 1}\n"}});
    const Imported bond = imported(f.at());
    check_active_backup(bond);
    CHECK(bond.has("# a VLAN on top of it: bond0.5"));
    check_lacp(imported(f.at("lacp/lacp.yaml")));
}

TEST_CASE("ifcfg files are imported with those of the members beside them") {
    const Folder f(
        {{"a/ifcfg-bond0", "DEVICE=bond0\nTYPE=Bond\nBONDING_MASTER=yes\nBOOTPROTO=none\n"
                           "BONDING_OPTS=\"mode=active-backup miimon=200 updelay=400 primary=eth1\"\n"
                           "IPADDR=192.0.2.10\nPREFIX=24\nGATEWAY=192.0.2.1 # the router\nMTU=9000\n"},
         {"a/ifcfg-eth1", "DEVICE=eth1\nMASTER=bond0\nSLAVE=yes\n"},
         {"a/ifcfg-eth2", "DEVICE='eth2'\nMASTER=bond0\nSLAVE=yes\n"},
         {"a/ifcfg-eth3", "DEVICE=eth3\nBOOTPROTO=dhcp\n"},
         {"b/ifcfg-lag",
          "TYPE=Bond\nDEVICE=lag\nUUID=1234\nBOOTPROTO=dhcp\n"
          "BONDING_OPTS='mode=4 miimon=100 lacp_rate=1 xmit_hash_policy=layer3+4 min_links=1'\n"},
         {"b/ifcfg-eth1", "DEVICE=eth1\nMASTER_UUID=1234\n"},
         {"b/ifcfg-eth2", "DEVICE=eth2\nMASTER=lag\n"}});
    check_active_backup(imported(f.at("a/ifcfg-bond0")));
    check_active_backup(imported(f.at("a")));
    check_lacp(imported(f.at("b")));
}

TEST_CASE("NetworkManager's keyfiles are imported, members by the bond's name or by its uuid") {
    const auto port = [](const std::string& netdev, const std::string& of) {
        return "[connection]\nid=port-" + netdev + "\ntype=ethernet\ninterface-name=" + netdev + "\n" + of +
               "\n";
    };
    const Folder f(
        {{"a/bond0.nmconnection",
          "[connection]\nid=our bond\nuuid=77\ntype=bond\ninterface-name=bond0\n\n"
          "[bond]\nmode=active-backup\nmiimon=200\nupdelay=400\nprimary=eth1\n\n"
          "[ethernet]\nmtu=9000\n\n"
          "[ipv4]\nmethod=manual\naddress1=192.0.2.10/24,192.0.2.1\n\n[ipv6]\nmethod=disabled\n"},
         {"a/one.nmconnection", port("eth1", "master=bond0\nslave-type=bond")},
         {"a/two.nmconnection",
          port("eth2", "controller=77\nport-type=bond") + "[bond-port]\nqueue-id=1\nprio=5\n"},
         {"b/lag.nmconnection",
          "[connection]\nid=lag\ntype=bond\ninterface-name=lag\n"
          "[bond]\nmode=802.3ad\nmiimon=100\nlacp_rate=fast\nxmit_hash_policy=layer3+4\nmin_links=1\n"
          "[ipv4]\nmethod=auto\n"},
         {"b/one.nmconnection", port("eth1", "master=lag")},
         {"b/two.nmconnection", port("eth2", "master=lag")}});
    const Imported bond = imported(f.at("a/bond0.nmconnection"));
    check_active_backup(bond);
    CHECK(bond.bond.members[1].options.prio == 5);
    CHECK(bond.bond.logical.queues == 2);
    check_lacp(imported(f.at("b")));
}

TEST_CASE("networkd's .netdev and .network files are imported, times in its units") {
    const Folder f(
        {{"a/10-bond0.netdev", "[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=active-backup\n"
                               "MIIMonitorSec=200ms\nUpDelaySec=0.4\n"},
         {"a/20-ports.network", "[Match]\nName=eth2\n\n[Network]\nBond=bond0\n"},
         {"a/15-first.network", "[Match]\nName=eth1\n\n[Network]\nBond=bond0\nPrimarySlave=true\n"},
         {"a/30-bond0.network", "[Match]\nName=bond0\n[Link]\nMTUBytes=9000\n[Network]\nDHCP=no\nAddress=192."
                                "0.2.10/24\nGateway=192.0.2.1\n"},
         {"b/lag.netdev",
          "[NetDev]\nName=lag\nKind=bond\n[Bond]\nMode=802.3ad\nMIIMonitorSec=0.1s\nLACPTransmitRate=fast\n"
          "TransmitHashPolicy=layer3+4\nMinLinks=1\nLearnPacketIntervalSec=1\n"},
         {"b/ports.network", "[Match]\nName=eth1 eth2\n[Network]\nBond=lag\n"},
         {"b/lag.network", "[Match]\nName=lag\n[Network]\nDHCP=yes\n"},
         {"c/lag.netdev", "[NetDev]\nName=lag\nKind=bond\n[Bond]\nMode=active-backup\n"},
         {"c/ports.network", "[Match]\nName=en*\n[Network]\nBond=lag\n"}});
    check_active_backup(imported(f.at("a")));
    check_lacp(imported(f.at("b/lag.netdev")));
    CHECK(imported(f.at("c")).has("# members that a pattern names: en*"));
}

TEST_CASE("ifupdown's stanzas are imported, members named by the bond or naming it") {
    const Folder f(
        {{"a/interfaces",
          "auto lo\niface lo inet loopback\n\nauto bond0\n"
          "iface bond0 inet static\n    address 192.0.2.10\n    netmask 255.255.255.0\n    gateway "
          "192.0.2.1\n"
          "    bond-slaves eth1 eth2\n    bond-mode 1\n    bond_miimon 200\n    bond-updelay \\\n 400\n"
          "    bond-primary eth1\n    mtu 9000\n    post-up echo up\n\n"
          "iface bond0.7 inet manual\n"},
         {"b/interfaces", "source interfaces.d/*\n"},
         {"b/interfaces.d/lag",
          "auto lag\niface lag inet dhcp\n  bond-mode 802.3ad\n  bond-miimon 100\n  bond-lacp-rate 1\n"
          "  bond-xmit-hash-policy layer3+4\n  bond-min-links 1\n  bond-slaves none\n"},
         {"b/interfaces.d/ports",
          "iface eth1 inet manual\n  bond-master lag\niface eth2 inet manual\n  bond-master lag\n"}});
    const Imported bond = imported(f.at("a/interfaces"));
    check_active_backup(bond);
    CHECK(bond.has("# post_up: echo up"));
    CHECK(bond.has("# a VLAN on top of it: bond0.7"));
    check_lacp(imported(f.at("b")));
}

TEST_CASE("what a file has and a bond cannot have is a comment with the reason") {
    const Folder f(
        {{"n.yaml",
          "network:\n  bonds:\n    bond0:\n      interfaces: [eth1, \"eth 2\"]\n"
          "      macaddress: ff:ff:ff:ff:ff:ff\n"
          "      addresses: [nonsense]\n"
          "      parameters:\n        mode: active-backup\n        lacp-rate: fast\n        primary: eth9\n"
          "        up-delay: soon\n        wonders: 7\n        arp-interval: 1000\n"
          "        arp-ip-targets: [192.0.2.1, 192.0.2.2]\n        mii-monitor-interval: 100\n"},
         {"two.yaml", "network: {bonds: {a: {parameters: {mode: balance-rr}}, b: {parameters: {mode: "
                      "no-such}}, c: {parameters: {mode: 7}}}}\n"}});
    const Imported i = imported(f.at("n.yaml"));
    for (const char* line :
         {"# lacp_rate: fast", "# primary: \"eth9\"  # not among the members", "# updelay: soon",
          "# wonders: 7", "# mac: ff:ff:ff:ff:ff:ff", "# address: nonsense"}) {
        CAPTURE(line, i.yaml);
        CHECK(i.has(line));
    }
    CHECK(i.members() == std::vector<std::string>{"eth1"});
    CHECK(i.has("# - device: eth 2"));
    CHECK(imported(f.at("two.yaml"), "b").has("# mode: no-such"));
    CHECK(imported(f.at("two.yaml"), "c")
              .has("# mode: 7  # there is no such mode")); // ours is no mode of Linux
    CHECK(imported(f.at("two.yaml"), "a").bond.name == "a");
}

TEST_CASE("files that hold no bond, or nothing known, are refused in one line") {
    const Folder f({{"empty.yaml", "network: {version: 2}\n"},
                    {"broken.yaml", "network: [\n"},
                    {"prose.txt", "Dear all,\n"},
                    {"one.yaml", "network: {bonds: {a: {}}}\n"}});
    for (const auto& [name, says] : {std::pair{"empty.yaml", "no bond in it"},
                                     {"broken.yaml", "not netplan"},
                                     {"prose.txt", "by what stands in it"},
                                     {"nowhere", "cannot be read"}}) {
        const auto yaml = import_files(f.at(name), "", "/nonexistent");
        CAPTURE(name);
        REQUIRE_FALSE(yaml);
        CHECK(yaml.error().find(says) != std::string::npos);
        CHECK(yaml.error().find('\n') == std::string::npos);
    }
    // Files that the kernel opens and does not let be read, as some of /sys.
    const auto refused = import_files("/proc/self/mem", "", "/nonexistent");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().find("cannot be read") != std::string::npos);
    const auto other = import_files(f.at("one.yaml"), "b", "/nonexistent");
    REQUIRE_FALSE(other);
    CHECK(other.error().ends_with("no bond \"b\"; there are: a"));
}

// SPDX-License-Identifier: BSD-3-Clause
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "config/load.hpp"

using namespace dpdkbond;

namespace {

// One line a problem, as the program prints them.
std::string problems(const std::string& text) {
    std::string lines;
    for (const ConfigProblem& problem : parse_config(text).problems)
        lines += problem_line("f", problem) + "\n";
    return lines;
}

// A file with one bond and one member, into which a line each can be put.
std::string file_with(const std::string& bond_line, const std::string& member_line = {},
                      const std::string& mode = "active-backup") {
    return "bonds:\n"
           "  - name: bond0\n"
           "    mode: " +
           mode +
           "\n"
           "    members:\n"
           "      - device: \"net_af_packet0,iface=m0\"\n" +
           (member_line.empty() ? "" : "        " + member_line + "\n") +
           (bond_line.empty() ? "" : "    " + bond_line + "\n");
}

std::string in_logical(const std::string& line) { return file_with("logical:\n      " + line); }

Config good(const std::string& text) {
    INFO(problems(text));
    const LoadedConfig loaded = parse_config(text);
    REQUIRE(loaded.problems.empty());
    return loaded.config;
}

} // namespace

TEST_CASE("a file with every key is read in full") {
    const Config config = good(R"(
runtime:
  control_lcore: 2
  worker_lcores: [1, 3]
  idle: busy
  hugepages: never
  memory_mb: 256
  file_prefix: edge
  metrics: "[::1]:9471"
  eal_args: [--log-level, "lib.eal:debug"]
bonds:
  - name: bond0
    mode: 1
    miimon: 50
    updelay: 120
    primary: uplink
    xmit_hash_policy: layer2+3
    logical:
      backend: device
      device: "net_vhost0,iface=/run/bond0.sock"
      mac: 02:bd:00:00:00:01
      mtu: 9000
      queues: 2
      offloads: off
      addresses: [192.0.2.1/24, "2001:db8::1/64"]
    members:
      - device: "0000:01:00.0"
        driver: none
        name: uplink
        prio: -5
        carrier: netdev:ens1
        force: true
      - device: "net_af_packet0,iface=m1"
        carrier: ethdev
      - device: "0A:00.1"
)");
    CHECK(config.runtime.control_lcore == 2);
    CHECK(config.runtime.worker_lcores == std::vector<unsigned>{1, 3});
    CHECK(config.runtime.idle == Idle::busy);
    CHECK(config.runtime.hugepages == Hugepages::no);
    CHECK(config.runtime.memory_mb == 256);
    CHECK(config.runtime.file_prefix == "edge");
    CHECK(config.runtime.metrics == "[::1]:9471");
    CHECK(config.runtime.eal_args == std::vector<std::string>{"--log-level", "lib.eal:debug"});
    REQUIRE(config.bonds.size() == 1);
    const BondConfig& bond = config.bonds[0];
    CHECK(bond.name == "bond0");
    CHECK(bond.mode == Mode::active_backup);
    CHECK(bond.options.miimon == 50);
    CHECK(bond.options.updelay == 100);
    CHECK(bond.options.primary == "uplink");
    CHECK(bond.options.xmit_hash_policy == HashPolicy::layer23);
    CHECK(bond.given == (option_bit(option_index(*find_option("miimon"))) |
                         option_bit(option_index(*find_option("updelay"))) |
                         option_bit(option_index(*find_option("primary"))) |
                         option_bit(option_index(*find_option("xmit_hash_policy")))));
    CHECK(bond.logical.backend == LogicalBackend::device);
    CHECK(bond.logical.device == "net_vhost0,iface=/run/bond0.sock");
    CHECK(bond.logical.mac == Mac::parse("02:bd:00:00:00:01"));
    CHECK(bond.logical.mtu == 9000);
    CHECK(bond.logical.queues == 2);
    REQUIRE(bond.logical.addresses.size() == 2);
    CHECK(bond.logical.addresses[1].to_string() == "2001:db8::1/64");
    REQUIRE(bond.members.size() == 3);
    CHECK(bond.members[0].driver == "none");
    CHECK(bond.members[0].is_pci());
    CHECK(bond.members[0].force);
    CHECK(bond.members[0].options.prio == -5);
    CHECK(bond.members[0].given == option_bit(option_index(*find_option("prio"))));
    CHECK(bond.members[0].carrier == CarrierSource{CarrierKind::netdev, "ens1"});
    CHECK(bond.members[1].name == "m1");
    CHECK(bond.members[1].carrier.kind == CarrierKind::ethdev);
    CHECK_FALSE(bond.members[1].is_pci());
    CHECK(bond.members[2].name == "0000-0a-00.1");
}

TEST_CASE("what a file leaves out has the documented default") {
    const Config config = good("bonds: [{name: bond0}]");
    CHECK(config.runtime == RuntimeConfig{});
    CHECK(config.runtime.worker_lcores == std::vector<unsigned>{1});
    CHECK(config.runtime.memory_mb == 512);
    REQUIRE(config.bonds.size() == 1);
    CHECK(config.bonds[0].mode == Mode::balance_rr);
    CHECK(config.bonds[0].options.miimon == 100);
    CHECK(config.bonds[0].given == 0);
    CHECK(config.bonds[0].logical == LogicalConfig{});
    CHECK(config.bonds[0].members.empty());
    CHECK(good("runtime:\nbonds: [{name: bond0, logical: , members: []}]") == config);
    CHECK(good(file_with("miimon: 0")).bonds[0].options.miimon == 0);
}

TEST_CASE("anchors and aliases are YAML as any other") {
    const Config config = good("bonds:\n"
                               "  - {name: a, logical: &l {mtu: 9000}}\n"
                               "  - {name: b, logical: *l}\n");
    CHECK(config.bonds[1].logical.mtu == 9000);
}

TEST_CASE("a misspelt key names the nearest one, with file, line and column") {
    const auto loaded = parse_config("runtime:\n"
                                     "  control_lcore: 0\n"
                                     "bonds:\n"
                                     "  - name: bond0\n"
                                     "    mode: 1\n"
                                     "    members: []\n"
                                     "    miimom: 100\n");
    REQUIRE(loaded.problems.size() == 1);
    CHECK(problem_line("bond.yaml", loaded.problems[0]) ==
          "bond.yaml:7:5: bonds[0].miimom: unknown key; did you mean miimon?");
}

TEST_CASE("an unknown key is an error wherever it is") {
    CHECK(problems("bond: []\nbonds: [{name: a}]") == "f:1:1: bond: unknown key; did you mean bonds?\n");
    CHECK(problems("runtime: {control_core: 1}\nbonds: [{name: a}]") ==
          "f:1:11: runtime.control_core: unknown key; did you mean control_lcore?\n");
    CHECK(problems(in_logical("adresses: []")) ==
          "f:7:7: bonds[0].logical.adresses: unknown key; did you mean addresses?\n");
    CHECK(problems(file_with("", "devcie: x")) ==
          "f:6:9: bonds[0].members[0].devcie: unknown key; did you mean device?\n");
    CHECK(problems("zzzzzz: 1\nbonds: [{name: a}]") ==
          "f:1:1: zzzzzz: unknown key; allowed: runtime, bonds\n");
    CHECK(problems(file_with("zzzzzz: 1")) ==
          "f:6:5: bonds[0].zzzzzz: unknown key; `dpdk-bond modes` lists the options\n");
    CHECK(problems("\"b\\nx\": 1\nbonds: [{name: a}]") ==
          "f:1:1: b\\x0ax: unknown key; allowed: runtime, bonds\n");
}

TEST_CASE("an option at the wrong level says where it belongs") {
    CHECK(problems(file_with("prio: 1")) ==
          "f:6:5: bonds[0].prio: is an option of a member; write it below members\n");
    CHECK(problems(file_with("", "miimon: 1")) ==
          "f:6:9: bonds[0].members[0].miimon: is an option of the bond; write it beside members\n");
}

TEST_CASE("devargs of packet sockets are read with the file") {
    const auto with = [](const std::string& devargs) {
        return problems("bonds: [{name: b, members: [{name: m, device: \"" + devargs + "\"}]}]");
    };
    CHECK(with("net_af_packet0,iface=m1,qpairs=2").empty());
    CHECK(with("net_af_packet0,iface=m1,pmd=1,whatever=3").empty()); // DPDK's driver judges
    CHECK(with("net_af_packet0,qpairs=2") ==
          "f:1:39: bonds[0].members[0].device: net_af_packet0,qpairs=2: iface= is missing; give it the "
          "netdev's name\n");
    CHECK(with("net_af_packet0,ifase=m1") ==
          "f:1:39: bonds[0].members[0].device: net_af_packet0,ifase=m1: there is no \"ifase\"; allowed: "
          "iface, qpairs, qdisc_bypass, pmd\n");
}

TEST_CASE("all problems are told at once and in the order of the file") {
    CHECK(
        problems("bonds:\n"
                 "  - name: much-too-long-a-name\n"
                 "    primary: m7\n"
                 "    members:\n"
                 "      - device: eth0\n"
                 "      - {device: \"net_null0\", prio: x}\n"
                 "    mode: 9\n"
                 "    miimon: -1\n"
                 "runtime: {idle: lazy, worker_lcores: [1, 1, 0]}\n") ==
        "f:2:5: bonds[0].name: \"much-too-long-a-name\" cannot name a bond; allowed: 1 to 15 letters, digits "
        "and . _ - + @ ~, without a - in front\n"
        "f:5:9: bonds[0].members[0].device: \"eth0\" is not a DPDK device; allowed: a PCI address "
        "(0000:01:00.0) or "
        "vdev devargs (net_af_packet0,iface=eth0)\n"
        "f:6:31: bonds[0].members[1].prio: \"x\" is not a decimal whole number; allowed: "
        "-2147483648-2147483647\n"
        "f:7:5: bonds[0].mode: \"9\" is not a mode; allowed: balance-rr (0), active-backup (1), balance-xor "
        "(2), "
        "broadcast (3), 802.3ad (4), balance-tlb (5), balance-alb (6), "
        "balance-spray (7)\n"
        "f:8:5: bonds[0].miimon: \"-1\" is out of range; allowed: 0-2147483647\n"
        "f:9:11: runtime.idle: \"lazy\" is not one of its values; allowed: adaptive, busy\n"
        "f:9:42: runtime.worker_lcores[1]: 1 is there twice; list each lcore once\n");
}

TEST_CASE("control and a worker share a processor only if both sleep [M18]", "[M18]") {
    const auto with = [](const std::string& runtime) {
        return problems("bonds: [{name: b}]\nruntime: {" + runtime + "}\n");
    };
    CHECK(with("control_lcore: 0, worker_lcores: [0]").empty());
    CHECK(with("control_lcore: 2, worker_lcores: [1, 2], idle: adaptive").empty());
    CHECK(with("control_lcore: 0, worker_lcores: [0], idle: busy") ==
          "f:2:45: runtime.worker_lcores[0]: 0 is control_lcore; with idle: busy the workers need lcores of "
          "their own\n");
}

TEST_CASE("a key may be there once, whatever its spelling") {
    CHECK(problems(file_with("miimon: 1\n    miimon: 1")) ==
          "f:7:5: bonds[0].miimon: is given twice, first in line 6; allowed: once\n");
    CHECK(problems(file_with("num_grat_arp: 1\n    num_unsol_na: 1")) ==
          "f:7:5: bonds[0].num_grat_arp: is given twice, first in line 6; allowed: once\n");
    CHECK(problems("bonds: [{name: a}]\nbonds: []") ==
          "f:2:1: bonds: is given twice, first in line 1; allowed: once\n");
}

TEST_CASE("a file without a bond is no configuration") {
    CHECK(problems("") == "f:1:1: bonds: is missing or empty; at least one bond is needed\n");
    CHECK(problems("# nothing\n") == "f:1:1: bonds: is missing or empty; at least one bond is needed\n");
    CHECK(problems("runtime: {}\nbonds: []\n") ==
          "f:2:1: bonds: is missing or empty; at least one bond is needed\n");
    CHECK(problems("bonds: 3") == "f:1:1: bonds: \"3\" is not a list; allowed: a list of one or more\n");
    CHECK(problems("[]") == "f:1:1: the file is not a mapping; allowed: runtime, bonds\n");
    CHECK(problems("word") == "f:1:1: the file is not a mapping; allowed: runtime, bonds\n");
}

TEST_CASE("what is needed and missing is told") {
    CHECK(problems("bonds: [{mode: 1}]") ==
          "f:1:9: bonds[0].name: is missing; the name of the interface is needed\n");
    CHECK(problems("bonds: [{name: a, members: [{name: m}]}]") ==
          "f:1:29: bonds[0].members[0].device: is missing; a PCI address or vdev devargs are needed\n");
    CHECK(problems("bonds: [a]") ==
          "f:1:9: bonds[0]: \"a\" is not a mapping; allowed: KEY: VALUE, one a line\n");
}

TEST_CASE("a value of the wrong form is refused") {
    CHECK(problems(file_with("miimon: [1]")) ==
          "f:6:5: bonds[0].miimon: a list is not a value; a single value is needed\n");
    CHECK(problems(file_with("primary:")) ==
          "f:6:5: bonds[0].primary: empty is not a value; a single value is needed\n");
    CHECK(problems(file_with("logical: 1")) ==
          "f:6:5: bonds[0].logical: \"1\" is not a mapping; allowed: KEY: VALUE, one a line\n");
    CHECK(problems("bonds: [{name: a, members: {}}]") ==
          "f:1:19: bonds[0].members: a mapping is not a list; allowed: a list, [] for none\n");
    CHECK(problems("{bonds: [{name: a}], runtime: {worker_lcores: 1}}") ==
          "f:1:32: runtime.worker_lcores: \"1\" is not a list; allowed: a list, [] for none\n");
    CHECK(problems("{bonds: [{name: a}], {x: y}: 1}") ==
          "f:1:22: a mapping is not a key; a word is needed\n");
    CHECK(problems(file_with("<<: {miimon: 1}")) ==
          "f:6:5: bonds[0].<<: merge keys are not taken; write the keys out\n");
    CHECK(problems(file_with("", "force: maybe")) ==
          "f:6:9: bonds[0].members[0].force: \"maybe\" is neither yes nor no; allowed: true, false\n");
}

TEST_CASE("numbers of the runtime and of the logical interface have ranges") {
    const auto runtime = [](const std::string& line) {
        return problems("bonds: [{name: a}]\nruntime: {" + line + "}");
    };
    CHECK(runtime("control_lcore: 0, memory_mb: 32").empty());
    CHECK(runtime("memory_mb: 31") ==
          "f:2:11: runtime.memory_mb: \"31\" is out of range; allowed: 32-1048576\n");
    CHECK(runtime("control_lcore: -1") ==
          "f:2:11: runtime.control_lcore: \"-1\" is out of range; allowed: 0-1023\n");
    CHECK(runtime("control_lcore: 99999999999999999999") ==
          "f:2:11: runtime.control_lcore: \"99999999999999999999\" is out of range; allowed: 0-1023\n");
    CHECK(runtime("control_lcore: one") ==
          "f:2:11: runtime.control_lcore: \"one\" is not a decimal whole number; allowed: 0-1023\n");
    CHECK(runtime("worker_lcores: []") ==
          "f:2:11: runtime.worker_lcores: is empty; at least one lcore is needed\n");
    CHECK(runtime("worker_lcores: [1, x]") ==
          "f:2:30: runtime.worker_lcores[1]: \"x\" is not a decimal whole number; allowed: 0-1023\n");
    CHECK(runtime("metrics: \"\"").empty());
    CHECK(runtime("metrics: \":9471\"")
              .starts_with("f:2:11: runtime.metrics: \":9471\" is not an address and a port; allowed: "));
    CHECK(runtime("file_prefix: a/b") == "f:2:11: runtime.file_prefix: \"a/b\" cannot be part of a file's "
                                         "name; allowed: 1 to 64 printable characters "
                                         "without space, slash and percent sign\n");

    for (const char* line : {"mtu: 68", "mtu: 65535", "queues: 1"}) CHECK(problems(in_logical(line)).empty());
    CHECK(problems(in_logical("mtu: 67")) ==
          "f:7:7: bonds[0].logical.mtu: \"67\" is out of range; allowed: 68-65535\n");
    CHECK(problems(in_logical("mtu: 65536")) ==
          "f:7:7: bonds[0].logical.mtu: \"65536\" is out of range; allowed: 68-65535\n");
    CHECK(problems(in_logical("queues: 0")) ==
          "f:7:7: bonds[0].logical.queues: \"0\" is out of range; allowed: 1-16\n");
    CHECK(problems(in_logical("queues: 17")) ==
          "f:7:7: bonds[0].logical.queues: \"17\" is out of range; allowed: 1-16\n");
    CHECK(problems(in_logical("queues: auto")).empty());
    CHECK(problems(in_logical("manage: none")).empty());
    CHECK(
        problems(in_logical("manage: none\n      addresses: [192.0.2.1/24]")) ==
        "f:8:7: bonds[0].logical.addresses: with manage: none addresses are another program's; allowed: none "
        "here, or manage: self\n");
    CHECK(problems(in_logical("offloads: auto")).empty());
    CHECK(problems(in_logical("offloads: off")).empty());
    CHECK_FALSE(good(in_logical("offloads: false")).bonds[0].logical.offloads); // off, as YAML 1.1 writes it
    CHECK(problems(in_logical("offloads: maybe")) ==
          "f:7:7: bonds[0].logical.offloads: \"maybe\" is not one of its values; allowed: auto, off\n");
}

TEST_CASE("what the runtime's keys say is not said to DPDK a second time, nor what would end it") {
    const auto args = [](const std::string& list) {
        return problems("bonds: [{name: b, mode: 1}]\nruntime: {eal_args: [" + list + "]}\n");
    };
    CHECK(args("--log-level, \"lib.eal:debug\", --socket-mem=64, -m, 64, --huge-dir, /x").empty());
    CHECK(args("--help").find("\"--help\" ends DPDK; leave it out") != std::string::npos);
    CHECK(args("-h").find("ends DPDK") != std::string::npos);
    CHECK(args("--file-p=x").find("\"--file-p=x\" is not taken; allowed: the key file_prefix") !=
          std::string::npos);
    CHECK(args("-l0").find("control_lcore and worker_lcores") != std::string::npos);
    CHECK(args("--lcores=0").find("control_lcore and worker_lcores") != std::string::npos);
    CHECK(args("--proc-type=secondary").find("primary process") != std::string::npos);
}

TEST_CASE("DPDK's arguments that would cut off status, console or the lock are refused [L28]", "[L28]") {
    const auto args = [](const std::string& list) {
        return problems("bonds: [{name: b, mode: 1, members: [{device: net_null1}]}]\nruntime: {eal_args: [" +
                        list + "]}\n");
    };
    for (const char* arg : {"--no-telemetry", "--in-memory", "--no-shconf"})
        CHECK(args(arg).find("is not taken") != std::string::npos);
    CHECK(args("\"--vdev=net_null1,no-rx=1\"").find("makes the device of bonds[0].members[0].device") !=
          std::string::npos);
    CHECK(args("--vdev, net_null1").find("makes the device of") != std::string::npos);
    CHECK(args("\"--vdev=net_null2\"").empty());
}

TEST_CASE("more queues than the driver of the logical interface has are refused [NEW1][L23]", "[NEW1][L23]") {
    const auto with = [&](const std::string& backend, int queues) {
        return problems("bonds: [{name: b, mode: 1, logical: {" + backend +
                        ", queues: " + std::to_string(queues) + "}}]\n");
    };
    const std::string net_tap = "backend: device, device: net_tap7";
    CHECK(with(net_tap, 4).empty());
    CHECK(with(net_tap, 5).find("net_tap has at most 4 queues") != std::string::npos);
    CHECK(with(net_tap, 16).find("net_tap has at most 4 queues") != std::string::npos);
    for (const std::string virtio : {"backend: virtio-user", "backend: device, device: net_virtio_user7"}) {
        CHECK(with(virtio, 8).empty());
        CHECK(with(virtio, 9).find("virtio-user has at most 8 queues; allowed: 1-8, or backend: tap") !=
              std::string::npos);
    }
    for (const std::string any : {"backend: tap", "backend: auto"}) CHECK(with(any, 16).empty());
}

TEST_CASE("more members and logical interfaces than DPDK has ports for are refused [M1]", "[M1]") {
    const auto with = [](unsigned members) {
        std::string text = "bonds:\n- name: b\n  mode: 1\n  members:\n";
        for (unsigned i = 0; i < members; ++i) text += "  - device: net_null" + std::to_string(i) + "\n";
        return problems(text);
    };
    CHECK(with(31).empty());
    CHECK(with(32).find("32 members and 1 logical interfaces make 33 DPDK ports") != std::string::npos);
}

TEST_CASE("a bond's own interface, or another bond's, is nobody's member") {
    const auto with = [](const std::string& iface) {
        return "bonds:\n- name: bond0\n  mode: 1\n  members: [{device: \"net_af_packet0,iface=" + iface +
               "\"}]\n" + "- name: bond1\n  mode: 1\n";
    };
    CHECK(problems(with("m0")).empty());
    for (const char* iface : {"bond0", "bond1"})
        CHECK(problems(with(iface)).find("is the logical interface of a bond; a member is another") !=
              std::string::npos);
}

TEST_CASE("one worker may read several queues") { CHECK(problems(in_logical("queues: 16")).empty()); }

TEST_CASE("a member's queue is one of the logical interface's, and no other member's") {
    const auto with = [](const std::string& queues, const std::string& first, const std::string& second) {
        return "bonds:\n- name: bond0\n  mode: active-backup\n  logical: {" + queues +
               "}\n  members:\n  - {device: net_null0, queue_id: " + first +
               "}\n  - {device: net_null1, queue_id: " + second + "}\n";
    };
    CHECK(problems(with("queues: 3", "2", "1")).empty());
    CHECK(problems(with("queues: 3", "0", "0")).empty());
    CHECK(
        problems(with("", "0", "1")) ==
        "f:7:25: bonds[0].members[1].queue_id: 1 is no queue of the logical interface, which has 1, numbered "
        "from 0; allowed: 0, or more logical.queues\n");
    CHECK(
        problems(with("queues: 3", "1", "3")) ==
        "f:7:25: bonds[0].members[1].queue_id: 3 is no queue of the logical interface, which has 3, numbered "
        "from 0; allowed: up to 2, or more logical.queues\n");
    CHECK(problems(with("queues: 3", "2", "2")) == "f:7:25: bonds[0].members[1].queue_id: 2 is already that "
                                                   "of net_null0; give each a queue of its own\n");
    CHECK(problems(with("queues: 16", "16", "0")) ==
          "f:6:25: bonds[0].members[0].queue_id: \"16\" is out of range; allowed: 0-15\n");
}

TEST_CASE("the logical interface's addresses are those of a host") {
    CHECK(problems(in_logical("addresses: [192.0.2.1/24]")).empty());
    CHECK(parse_config(in_logical("addresses: [192.0.2.1]")).notes ==
          std::vector<std::string>{
              "bonds[0].logical.addresses[0]: 192.0.2.1 has no length: it is 192.0.2.1/32, no network of its "
              "own; write 192.0.2.1/24 if others are to be neighbours"});
    for (const char* bad :
         {"192.0.2.1/33", "300.0.0.1/8", "224.0.0.1/4", "0.0.0.0/0", "ff02::1/64", "::/0", "host"}) {
        INFO(bad);
        CHECK_THAT(problems(in_logical("addresses: [\"" + std::string(bad) + "\"]")),
                   Catch::StartsWith("f:7:19: bonds[0].logical.addresses[0]: \"" + std::string(bad) + "\""));
    }
    CHECK(problems(in_logical("addresses: [192.0.2.1/24, 192.0.2.1/24]")) ==
          "f:7:33: bonds[0].logical.addresses[1]: 192.0.2.1/24 is there twice; allowed: once\n");
    CHECK(problems(in_logical("addresses: [192.0.2.1/33, 192.0.2.1/24, 192.0.2.1/24]"))
              .ends_with(
                  "f:7:47: bonds[0].logical.addresses[2]: 192.0.2.1/24 is there twice; allowed: once\n"));
}

TEST_CASE("the logical interface's MAC is unicast") {
    CHECK(problems(in_logical("mac: 02-bd-00-00-00-01")).empty());
    CHECK(problems(in_logical("mac: 03:bd:00:00:00:01")) ==
          "f:7:7: bonds[0].logical.mac: \"03:bd:00:00:00:01\" is not a unicast address; allowed: a unicast "
          "MAC such as "
          "02:bd:00:00:00:01\n");
    CHECK_THAT(problems(in_logical("mac: 00:00:00:00:00:00")), Catch::Contains("not a unicast address"));
    CHECK_THAT(problems(in_logical("mac: ff:ff:ff:ff:ff:ff")), Catch::Contains("not a unicast address"));
    CHECK_THAT(problems(in_logical("mac: 02bd00000001")), Catch::Contains("not a MAC address"));
}

TEST_CASE("a backend of kind device and its device come together") {
    CHECK(problems(in_logical("{backend: tap, device: \"\"}")).empty());
    CHECK(problems(in_logical("backend: device")) == "f:7:7: bonds[0].logical.backend: device needs the key "
                                                     "device; give the devargs of the device, or use auto\n");
    CHECK(problems(in_logical("device: net_null0")) ==
          "f:7:7: bonds[0].logical.device: is only for backend: device; leave it out or set the backend\n");
    CHECK(problems(in_logical("{backend: virtio-user, device: net_null0}")) ==
          "f:7:30: bonds[0].logical.device: is only for backend: device; leave it out or set the backend\n");
    CHECK(problems(in_logical("backend: vhost")) ==
          "f:7:7: bonds[0].logical.backend: \"vhost\" is not one of its "
          "values; allowed: auto, virtio-user, tap, device\n");
}

TEST_CASE("names of bonds and of members are unique") {
    CHECK(problems("bonds: [{name: a}, {name: b}, {name: a}]") ==
          "f:1:32: bonds[2].name: the name \"a\" is already used by bonds[0].name; allowed: once\n");
    CHECK(problems(
              "bonds: [{name: a, members: [{device: net_null0, name: x}, {device: net_null1, name: x}]}]") ==
          "f:1:79: bonds[0].members[1].name: the name \"x\" is already used by bonds[0].members[0].name; "
          "allowed: once\n");
    CHECK(problems("bonds:\n"
                   "  - {name: a, members: [{device: net_null0, name: x}]}\n"
                   "  - {name: b, members: [{device: net_null1, name: x}]}\n")
              .empty());
}

TEST_CASE("a device serves one member of the whole file") {
    CHECK(problems("bonds:\n"
                   "  - {name: a, members: [{device: \"0000:0a:00.0\"}]}\n"
                   "  - {name: b, members: [{device: \"0A:00.0\"}]}\n") ==
          "f:3:26: bonds[1].members[0].device: the device \"0000:0a:00.0\" is already used by "
          "bonds[0].members[0].device; allowed: once\n");
    CHECK(problems("bonds:\n"
                   "  - name: a\n"
                   "    members:\n"
                   "      - device: net_af_packet0,iface=m0\n"
                   "      - device: net_af_packet1,iface=m0\n"
                   "      - device: net_af_packet0,iface=m2\n") ==
          "f:5:9: bonds[0].members[1].device: the interface \"m0\" is already used by "
          "bonds[0].members[0].device; allowed: once\n"
          "f:6:9: bonds[0].members[2].device: the device \"net_af_packet0\" is already used by "
          "bonds[0].members[0].device; allowed: once\n");
    CHECK(problems(file_with("logical: {backend: device, device: net_af_packet0}")) ==
          "f:5:9: bonds[0].members[0].device: the device \"net_af_packet0\" is already used by "
          "bonds[0].logical.device; allowed: once\n");
}

TEST_CASE("a device is a PCI address or devargs") {
    const auto device = [](const std::string& text) {
        return problems("bonds: [{name: a, members: [{device: \"" + text + "\"}]}]");
    };
    for (const char* text : {"0000:01:00.0", "01:00.7", "0000:01:00.0,rx=1", "net_null0",
                             "eth_af_packet0,iface=x", "auxiliary:mlx5_core.sf.1"}) {
        INFO(text);
        CHECK(device(text).empty());
    }
    for (const char* text :
         {"", "eth0", "01:00", "01:00.8", "0000:01:00.0x", "net_null0, x=1", ",iface=m0"}) {
        INFO(text);
        CHECK(device(text).find("allowed: a PCI address") != std::string::npos);
    }
}

TEST_CASE("a driver is for PCI devices") {
    CHECK(problems("bonds: [{name: a, members: [{device: \"01:00.0\", driver: uio_pci_generic}]}]").empty());
    CHECK(problems(file_with("", "driver: vfio-pci")) ==
          "f:6:9: bonds[0].members[0].driver: is only for a PCI device; leave it out\n");
    CHECK(problems("bonds: [{name: a, members: [{device: \"01:00.0\", driver: e1000e}]}]") ==
          "f:1:49: bonds[0].members[0].driver: \"e1000e\" is not one of its values; allowed: vfio-pci, "
          "uio_pci_generic, "
          "none\n");
}

TEST_CASE("a carrier is auto, ethdev or that of a netdev") {
    CHECK(problems(file_with("", "carrier: auto")).empty());
    CHECK(problems(file_with("", "carrier: netdev")) ==
          "f:6:9: bonds[0].members[0].carrier: \"netdev\" is no source of link state; allowed: auto, ethdev, "
          "netdev:NAME\n");
    CHECK_THAT(problems(file_with("", "carrier: \"netdev:\"")),
               Catch::Contains("\"\" cannot name an interface"));
    CHECK_THAT(problems(file_with("", "carrier: \"netdev:a/b\"")),
               Catch::Contains("\"a/b\" cannot name an interface"));
}

TEST_CASE("a bond's name is one that Linux gives to an interface") {
    const auto name = [](const std::string& text) { return problems("bonds: [{name: \"" + text + "\"}]"); };
    for (const char* text : {"b", "bond0", "bond-0.1_x", "fifteen-letters"}) CHECK(name(text).empty());
    for (const char* text : {"", ".", "..", "a b", "a/b", "a:b", "sixteen-letters-", "b\\xc3\\xa4", "b%d"}) {
        INFO(text);
        CHECK_THAT(name(text), Catch::Contains("cannot name a bond"));
    }
}

TEST_CASE("a member's name is given or follows from the device") {
    CHECK_THAT(problems(file_with("", "name: \"a b\"")), Catch::Contains("cannot name a member"));
    const std::string long_name = "net_af_xdp_with_a_rather_long_name";
    CHECK(problems("bonds: [{name: a, members: [{device: " + long_name + "}]}]") ==
          "f:1:29: bonds[0].members[0].name: is missing, and \"" + long_name +
              "\" cannot name a member; a name is needed\n");
    CHECK(good("bonds: [{name: a, members: [{device: net_null7}]}]").bonds[0].members[0].name == "net_null7");
}

TEST_CASE("primary and active_slave name a member") {
    CHECK(good(file_with("primary: m0")).bonds[0].options.primary == "m0");
    CHECK(good(file_with("primary: \"\"")).bonds[0].options.primary.empty());
    CHECK(problems(file_with("primary: eth9")) ==
          "f:6:5: bonds[0].primary: \"eth9\" is not a member of the bond; allowed: m0\n");
    CHECK(problems(file_with("active_slave: m1")) ==
          "f:6:5: bonds[0].active_slave: \"m1\" is not a member of the bond; did you mean m0?\n");
    CHECK(problems("bonds: [{name: a, mode: 1, primary: m0}]") ==
          "f:1:28: bonds[0].primary: \"m0\" is not a member of the bond; allowed: none, as it has no "
          "members\n");
}

TEST_CASE("options that the mode does not take are refused at their line") {
    CHECK(problems(file_with("packets_per_slave: 4")) ==
          "f:6:5: bonds[0].packets_per_slave: the mode active-backup does not take it; taken by balance-rr "
          "(0)\n");
    CHECK(
        problems(file_with("", "prio: 4", "balance-xor")) ==
        "f:6:9: bonds[0].members[0].prio: the mode balance-xor does not take it; taken by active-backup (1), "
        "balance-tlb (5), balance-alb (6), balance-spray (7)\n");
    CHECK(problems(file_with("", "prio: 0", "802.3ad")).empty());
    CHECK(
        problems(file_with("miimon: 0\n    updelay: 100")) ==
        "f:7:5: bonds[0].updelay: counts in steps of miimon, which is 0; set miimon too, or leave it out\n");
    CHECK(problems(file_with("packets_per_slave: 4", "", "rr")).find("packets_per_slave") ==
          std::string::npos);
}

TEST_CASE("targets and defaults of options that a mode does not heed are taken") {
    CHECK(problems(file_with("arp_interval: 100\n    arp_ip_target: [192.0.2.1]")).empty());
    CHECK(problems(file_with("arp_ip_target: []\n    fail_over_mac: none\n    resend_igmp: 1", "queue_id: 0"))
              .empty());
}

TEST_CASE("a list of targets is a YAML list or words with commas") {
    CHECK(problems(file_with("arp_ip_target: [192.0.2.1, x]")).find("\"x\" is not an address") !=
          std::string::npos);
    CHECK(problems(file_with("arp_ip_target: \"192.0.2.1,x\"")).find("\"x\" is not an address") !=
          std::string::npos);
    CHECK(problems(file_with("arp_ip_target: [[]]")) ==
          "f:6:21: bonds[0].arp_ip_target[0]: a list is not a value; a single value is needed\n");
}

TEST_CASE("there is a largest number of bonds and of members") {
    const auto list = [](int n, const std::string& item) {
        std::string text;
        for (int i = 0; i < n; ++i) {
            std::string one = item;
            one.replace(one.find('#'), 1, std::to_string(i));
            text += (i == 0 ? "" : ", ") + one;
        }
        return text;
    };
    CHECK(problems("bonds: [" + list(32, "{name: b#}") + "]").empty());
    CHECK(problems("bonds: [" + list(64, "{name: b#}") + "]").find("bonds: too many bonds") ==
          std::string::npos);
    CHECK(problems("bonds: [" + list(65, "{name: b#}") + "]") ==
          "f:1:1: bonds: too many bonds; allowed: up to 64\n");
    const auto members = [&](int n) {
        return problems("bonds: [{name: a, members: [" + list(n, "{device: net_null#}") + "]}]");
    };
    CHECK(members(31).empty());
    CHECK(members(33) == "f:1:19: bonds[0].members: 33 members are too many; allowed: up to 32\n");
}

TEST_CASE("a broken value causes no further problems") {
    CHECK(problems(file_with("primary: m0", "", "nonsense"))
              .find("f:3:5: bonds[0].mode: \"nonsense\" is not a mode") == 0);
    CHECK(problems(file_with("packets_per_slave: 9", "", "activ-backup")) ==
          "f:3:5: bonds[0].mode: \"activ-backup\" is not a mode; did you mean active-backup?\n");
    CHECK(problems("bonds: [{name: a, mode: 1, primary: m0, members: [{device: eth0}]}]") ==
          "f:1:52: bonds[0].members[0].device: \"eth0\" is not a DPDK device; allowed: a PCI address "
          "(0000:01:00.0) or "
          "vdev devargs (net_af_packet0,iface=eth0)\n");
}

TEST_CASE("text that is no YAML is one problem with its place") {
    CHECK_THAT(problems("bonds:\n  - name: [a\n"), Catch::StartsWith("f:3:1: not YAML: "));
    CHECK_THAT(problems("a: b: c"), Catch::StartsWith("f:1:5: not YAML: "));
    CHECK_THAT(problems("a: *nowhere"), Catch::Contains("not YAML: "));
    CHECK_FALSE(problems(",").empty());
    CHECK_FALSE(problems(",bonds: [{name: a}]").empty());
    CHECK(problems("bonds: [{name: a}]\n---\nbonds: []\n") == "f:2:1: a second document; allowed: one\n");
    CHECK(problems(std::string("bonds:\n \0", 9)) ==
          "f:2:2: a control character is no text; allowed: YAML in UTF-8\n");
    CHECK(problems("\x7f"
                   "ELF") == "f:1:1: a control character is no text; allowed: YAML in UTF-8\n");
}

TEST_CASE("depth, size and aliases do no harm") {
    CHECK_THAT(problems(std::string(200'000, '[')), Catch::Contains("too deep"));
    CHECK_FALSE(problems(std::string(100'000, '{')).empty());
    std::string deep;
    for (int i = 0; i < 10'000; ++i) deep += "- ";
    CHECK_FALSE(problems(deep).empty());
    CHECK(problems(std::string((1U << 20U) + 1, '#')) ==
          "f:1:1: the file is too large; allowed: up to 1 MiB\n");
    CHECK(problems(std::string(1U << 20U, '#')) ==
          "f:1:1: bonds: is missing or empty; at least one bond is needed\n");
    CHECK_FALSE(problems("a: &a [*a]\nbonds: &b [*b]\n").empty());

    std::string bomb = "bonds:\n  - &b\n    name: a\n    members:\n      - &m {device: net_null0}\n";
    for (int i = 0; i < 5000; ++i) bomb += "      - *m\n";
    for (int i = 0; i < 5000; ++i) bomb += "  - *b\n";
    const auto loaded = parse_config(bomb);
    CHECK_FALSE(loaded.problems.empty());
    CHECK(loaded.problems.size() < 300);
}

TEST_CASE("a file of nothing but mistakes is told about in part") {
    std::string text = "bonds: [{name: a}]\n";
    for (int i = 0; i < 5000; ++i) text += "k" + std::to_string(i) + ": 1\n";
    const auto loaded = parse_config(text);
    REQUIRE(loaded.problems.size() == 201);
    CHECK_THAT(loaded.problems.back().message, Catch::EndsWith("more problems from here on"));
}

TEST_CASE("a file that cannot be read is one problem of the whole file") {
    const auto missing = load_config("/nonexistent/bond.yaml");
    REQUIRE(missing.problems.size() == 1);
    CHECK(problem_line("/nonexistent/bond.yaml", missing.problems[0]) ==
          "/nonexistent/bond.yaml: cannot be read: No such file or directory");
    CHECK(load_config("/").problems.size() == 1);
    CHECK(load_config("/dev/zero").problems.size() == 1);
}

TEST_CASE("the examples load without a problem") {
    const std::vector<std::pair<std::string, Mode>> examples = {{"active-backup", Mode::active_backup},
                                                                {"balance-rr", Mode::balance_rr},
                                                                {"balance-xor", Mode::balance_xor},
                                                                {"broadcast", Mode::broadcast},
                                                                {"lacp", Mode::ieee8023ad},
                                                                {"balance-tlb", Mode::balance_tlb},
                                                                {"balance-alb", Mode::balance_alb}};
    for (const auto& [name, mode] : examples) {
        const LoadedConfig loaded = load_config(std::string(CONFIGS_DIR) + "/" + name + ".yaml");
        INFO(name);
        for (const ConfigProblem& problem : loaded.problems) UNSCOPED_INFO(problem_line(name, problem));
        REQUIRE(loaded.problems.empty());
        REQUIRE(loaded.config.bonds.size() == 1);
        CHECK(loaded.config.bonds[0].mode == mode);
        REQUIRE(loaded.config.bonds[0].members.size() == 2);
        CHECK(loaded.config.bonds[0].members[0].name == "m0");
        CHECK(loaded.config.bonds[0].members[1].name == "m1");
    }
}

TEST_CASE("every file below configs is a good configuration") {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(CONFIGS_DIR)) {
        if (entry.path().extension() != ".yaml") continue;
        ++files;
        INFO(entry.path());
        for (const ConfigProblem& problem : load_config(entry.path()).problems) FAIL_CHECK(problem.message);
    }
    CHECK(files >= 7);
}

TEST_CASE("devargs are taken apart") {
    CHECK(devargs_value("net_af_packet0,iface=m1,blocksz=4096", "iface") == "m1");
    CHECK(devargs_value("net_af_packet0,iface=m1,blocksz=4096", "blocksz") == "4096");
    CHECK(devargs_value("net_af_packet0,xiface=m1", "iface").empty());
    CHECK(devargs_value("iface=m1", "iface").empty());
    CHECK(devargs_head("net_null0,size=64") == "net_null0");
    CHECK(pci_address("0000:0A:1F.7") == "0000:0a:1f.7");
    CHECK(pci_address("00:01.0") == "0000:00:01.0");
    CHECK_FALSE(pci_address("00:01.8"));
    CHECK_FALSE(pci_address("00000:00:01.0"));
    CHECK_FALSE(pci_address(""));
}

TEST_CASE("a key as other programs spell it gets ours as the nearest", "[operator-c]") {
    for (const auto& [theirs, ours] :
         std::vector<std::pair<std::string, std::string>>{{"mii-monitor-interval", "miimon"}, // netplan
                                                          {"transmit-hash-policy", "xmit_hash_policy"},
                                                          {"fail-over-mac-policy", "fail_over_mac"},
                                                          {"gratuitous-arp", "num_grat_arp"},
                                                          {"learn-packet-interval", "lp_interval"},
                                                          {"MIIMonitorSec", "miimon"}, // networkd
                                                          {"LACPTransmitRate", "lacp_rate"},
                                                          {"bond-miimon", "miimon"}, // ifupdown
                                                          {"bond-xmit-hash-policy", "xmit_hash_policy"},
                                                          {"bond_lacp_rate", "lacp_rate"},
                                                          {"bond-slaves", "members"},
                                                          {"lacp-rate", "lacp_rate"},
                                                          {"bond-mode", "mode"},
                                                          {"agg_mode", "ad_select"}}) { // net_bonding
        INFO(theirs);
        CHECK_THAT(problems("bonds: [{name: a, " + theirs + ": 1}]"),
                   Catch::Contains("unknown key; did you mean " + ours + "?"));
    }
    CHECK_THAT(problems("bonds: [{name: a, logical: {macaddress: 1}}]"),
               Catch::Contains("did you mean mac?"));
    CHECK_THAT(problems("bonds: [{name: a, nothing-like-it: 1}]"),
               Catch::Contains("`dpdk-bond modes` lists the options"));
}

TEST_CASE("a misspelt mode has no consequences", "[operator-c]") {
    CHECK(problems("bonds:\n  - name: a\n    mod: active-backup\n    primary: m0\n    spray: {}\n    "
                   "members: [{device: net_null0, name: m0, prio: 4}]\n") ==
          "f:3:5: bonds[0].mod: unknown key; did you mean mode?\n");
}

TEST_CASE("numbers are decimal, and what is wrong with one is quoted", "[operator-c]") {
    for (const char* number : {"0x64", "1e2", "1_00", "+1", "1.5"}) {
        INFO(number);
        CHECK(problems(file_with(std::string("miimon: ") + number)) ==
              "f:6:5: bonds[0].miimon: \"" + std::string(number) +
                  "\" is not a decimal whole number; allowed: 0-2147483647\n");
    }
    for (const char* number : {"99999999999", "99999999999999999999999", "-99999999999999999999999"}) {
        INFO(number);
        CHECK(problems(file_with(std::string("miimon: ") + number)) ==
              "f:6:5: bonds[0].miimon: \"" + std::string(number) +
                  "\" is out of range; allowed: 0-2147483647\n");
    }
}

TEST_CASE("more min_links than members are remarked upon by a check", "[A16]") {
    const auto notes = [](const std::string& min_links) {
        return parse_config("bonds: [{name: b, mode: 802.3ad, min_links: " + min_links +
                            ", members: [{device: net_null0}]}]")
            .check_notes;
    };
    CHECK(notes("1").empty());
    CHECK(notes("2") ==
          std::vector<std::string>{"b: min_links: 2 of 1 members: the bond never has a carrier"});
}

TEST_CASE("a logical interface has a queue for each worker, and a device one, where the file does not say") {
    const auto queues = [](const std::string& workers, const std::string& logical) {
        const LoadedConfig loaded =
            parse_config("runtime: {control_lcore: 0, worker_lcores: " + workers +
                         "}\nbonds:\n  - name: bond0\n    logical: {" + logical + "}\n");
        REQUIRE(loaded.problems.empty());
        return loaded.config.bonds.at(0).logical.queues;
    };
    CHECK(queues("[1]", "") == 1);
    CHECK(queues("[1, 2, 3]", "") == 3);
    CHECK(queues("[1, 2, 3]", "queues: auto") == 3);
    CHECK(queues("[1, 2, 3]", "queues: 2") == 2);
    CHECK(queues("[1, 2, 3]", "backend: device, device: net_memif0") == 1);
    const std::string many = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]";
    CHECK(queues(many, "") == 8);
    CHECK(queues(many, "backend: virtio-user") == 8);
    CHECK(queues(many, "backend: tap") == 16);
}

TEST_CASE("members' taps have names that nothing else of the file has") {
    const auto bonds = [](const std::string& taps, const std::string& first, const std::string& second,
                          const std::string& bond = "bond1") {
        return "bonds:\n  - name: bond0\n    member_taps: " + taps +
               "\n    members:\n      - {device: net_null0, name: " + first +
               "}\n      - {device: net_null1, name: " + second + "}\n  - name: " + bond +
               "\n    member_taps: true\n    members:\n      - {device: net_null2, name: m0}\n";
    };
    CHECK(good(bonds("true", "a", "b")).bonds[0].options.member_taps);
    CHECK_FALSE(good(bonds("false", "m0", "b")).bonds[0].options.member_taps); // m0.lt is the other bond's
    const std::string allowed =
        " has already; allowed: a name of the member whose last 12 characters no other has\n";
    CHECK(problems(bonds("on", "m0", "b")) ==
          "f:10:29: bonds[1].members[0].name: with member_taps its tap is m0.lt, a name that "
          "bonds[0].members[0]" +
              allowed);
    CHECK(problems(bonds("on", "one-behind-the-colon", "two-behind-the-colon")) ==
          "f:6:29: bonds[0].members[1].name: with member_taps its tap is nd-the-colon.lt, a name that "
          "bonds[0].members[0]" +
              allowed);
    CHECK(problems(bonds("on", "a", "b", "b.lt")) ==
          "f:6:29: bonds[0].members[1].name: with member_taps its tap is b.lt, a name that bonds[1].name" +
              allowed);
    CHECK(problems(bonds("on", "a", "a")).find("tap") == std::string::npos); // one mistake
    CHECK(problems(file_with("member_taps: maybe")) ==
          "f:6:5: bonds[0].member_taps: \"maybe\" is not one of its values; allowed: off (0), on (1)\n");
}

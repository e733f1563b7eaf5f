// SPDX-License-Identifier: BSD-3-Clause
// The section spray of a bond.
#include <catch2/catch.hpp>

#include "config/dump.hpp"
#include "config/load.hpp"

using namespace dpdkbond;

namespace spray_section { // its names are other files' too

namespace {

std::string file(const std::string& spray, const std::string& mode = "balance-spray") {
    return "bonds:\n"
           "  - name: bond0\n"
           "    mode: " +
           mode +
           "\n"
           "    logical: {addresses: [10.99.255.1/24]}\n"
           "    members:\n"
           "      - {device: \"net_af_packet0,iface=m0\"}\n"
           "      - {device: \"net_af_packet1,iface=m1\"}\n"
           "    spray:\n" +
           spray;
}

std::string problems(const std::string& text) {
    std::string lines;
    for (const ConfigProblem& problem : parse_config(text).problems)
        lines += problem_line("f", problem) + "\n";
    return lines;
}

const char* const kGood = "      granularity: flowlet\n"
                          "      flowlet_gap_us: 200\n"
                          "      probe_interval: 250\n"
                          "      probe_missed: 4\n"
                          "      addresses: {m0: 10.0.1.1/24, m1: 10.0.2.1/30}\n"
                          "      peers:\n"
                          "        - address: 10.99.255.2\n"
                          "          via: {m0: 10.0.1.2, m1: 10.0.2.2}\n"
                          "        - address: 10.99.255.3\n"
                          "          via: {m0: 10.0.1.3}\n"
                          "          macs: {m1: 02:bd:00:00:00:09}\n"
                          "          weights: {m1: 4}\n";

} // namespace

TEST_CASE("a section spray with every key is read in full, and what the console shows of it is the same") {
    INFO(problems(file(kGood)));
    const LoadedConfig loaded = parse_config(file(kGood));
    REQUIRE(loaded.problems.empty());
    const BondConfig& bond = loaded.config.bonds[0];
    const SprayOptions& s = bond.options.spray;
    CHECK(s.granularity == SprayGranularity::flowlet);
    CHECK(s.flowlet_gap_us == 200);
    CHECK(s.probe_interval == 250);
    CHECK(s.probe_missed == 4);
    REQUIRE(s.addresses.size() == 2);
    CHECK(s.addresses[1].prefix.to_string() == "10.0.2.1/30");
    REQUIRE(s.peers.size() == 2);
    CHECK(s.peers[0].paths == std::vector<SprayPathOptions>{{"m0", Ipv4{{10, 0, 1, 2}}, {}, 0},
                                                            {"m1", Ipv4{{10, 0, 2, 2}}, {}, 0}});
    CHECK(s.peers[1].paths == std::vector<SprayPathOptions>{{"m0", Ipv4{{10, 0, 1, 3}}, {}, 1},
                                                            {"m1", {}, Mac{{2, 0xbd, 0, 0, 0, 9}}, 4}});
    const LoadedConfig again = parse_config(dump_bond(bond));
    REQUIRE(again.problems.empty());
    CHECK(again.config.bonds[0].options.spray == s);
    CHECK(problems(file("      {}\n")).empty()); // everything by the active member
}

TEST_CASE("the section belongs to its mode alone") {
    CHECK(problems(file("      granularity: flow\n", "balance-rr")) ==
          "f:8:5: bonds[0].spray: belongs to the mode balance-spray (7); leave it out, or set the mode\n");
    CHECK(parse_config(file("      granularity: flow\n", "1")).config.bonds[0].options.spray ==
          SprayOptions{});
    CHECK(problems(file(kGood, "7")).empty());
}

TEST_CASE("values of spray that are not allowed are told with what is") {
    CHECK(problems(file("      granularity: packets\n")) ==
          "f:9:7: bonds[0].spray.granularity: \"packets\" is not one of its values; allowed: packet, flow, "
          "flowlet\n");
    CHECK(problems(file("      flowlet_gap_us: 0\n      probe_interval: 5\n      probe_missed: 256\n")) ==
          "f:9:7: bonds[0].spray.flowlet_gap_us: \"0\" is out of range; allowed: 1-1000000\n"
          "f:10:7: bonds[0].spray.probe_interval: \"5\" is out of range; allowed: 10-60000\n"
          "f:11:7: bonds[0].spray.probe_missed: \"256\" is out of range; allowed: 1-255\n");
    CHECK(problems(file("      granularty: flow\n")) ==
          "f:9:7: bonds[0].spray.granularty: unknown key; did you mean granularity?\n");
    CHECK(
        problems(file("      peers: [{address: 10.99.255.2, vias: {}, macs: {m0: 02:bd:00:00:00:01}}]\n")) ==
        "f:9:38: bonds[0].spray.peers[0].vias: unknown key; did you mean via?\n");
    CHECK(problems(file("      addresses: {m0: 10.0.1.1, m1: \"2001:db8::1/64\"}\n")) ==
          "f:9:19: bonds[0].spray.addresses.m0: \"10.0.1.1\" cannot be a member's next-hop address; allowed: "
          "an IPv4 "
          "address with the length of its network (8-31), such as 10.0.1.1/24\n"
          "f:9:33: bonds[0].spray.addresses.m1: \"2001:db8::1/64\" cannot be a member's next-hop address; "
          "allowed: an "
          "IPv4 address with the length of its network (8-31), such as 10.0.1.1/24\n");
    CHECK(problems(file("      addresses: {m0: 10.0.1.0/24}\n")) ==
          "f:9:19: bonds[0].spray.addresses.m0: 10.0.1.0/24 is the network or its broadcast address; "
          "allowed: one of "
          "its hosts\n");
    CHECK(problems(file("      peers: [{address: \"fd00::2\", macs: {m0: 01:00:5e:00:00:01}}]\n")) ==
          "f:9:16: bonds[0].spray.peers[0].address: \"fd00::2\" is not the IPv4 address of a peer; allowed: "
          "one such as "
          "10.0.1.2\n"
          "f:9:43: bonds[0].spray.peers[0].macs.m0: \"01:00:5e:00:00:01\" is not a unicast MAC address; "
          "allowed: one "
          "such as 02:bd:00:00:00:01\n");
}

TEST_CASE("peers and next hops that cannot be are told all at once") {
    CHECK(problems(file("      addresses: {m0: 10.0.1.1/24, m7: 10.0.1.1/24}\n"
                        "      peers:\n"
                        "        - via: {m0: 10.0.2.2}\n"
                        "        - address: 10.99.255.2\n"
                        "        - address: 10.99.255.2\n"
                        "          via: {m0: 10.0.1.1, m1: 10.0.1.9, mo: 10.0.1.3}\n"
                        "        - address: 10.99.255.1\n"
                        "          macs: {m0: 02:bd:00:00:00:01}\n"
                        "          via: {m0: 10.0.1.255}\n"
                        "          weights: {m0: 300, m1: 2}\n")) ==
          "f:9:36: bonds[0].spray.addresses.m7: \"m7\" is not a member of the bond; did you mean m0?\n"
          "f:9:36: bonds[0].spray.addresses.m7: 10.0.1.1 is already used by bonds[0].spray.addresses.m0; "
          "allowed: once\n"
          "f:11:11: bonds[0].spray.peers[0].address: is missing; the peer's virtual address is needed\n"
          "f:11:17: bonds[0].spray.peers[0].via.m0: 10.0.2.2 is no host of the member's network; allowed: "
          "one of "
          "10.0.1.1/24\n"
          "f:12:11: bonds[0].spray.peers[1]: no path leads there; give its next hop behind each member by "
          "via, or by "
          "macs\n"
          "f:13:11: bonds[0].spray.peers[2].address: 10.99.255.2 is already used by "
          "bonds[0].spray.peers[1].address; allowed: once\n"
          "f:14:17: bonds[0].spray.peers[2].via.m0: 10.0.1.1 is the member's own address; the peer's is "
          "needed\n"
          "f:14:31: bonds[0].spray.peers[2].via.m1: m1 has no address to ask for it with; give it one by "
          "addresses, "
          "or the next hop's MAC by macs\n"
          "f:14:45: bonds[0].spray.peers[2].via.mo: \"mo\" is not a member of the bond; did you mean m0?\n"
          "f:15:11: bonds[0].spray.peers[3].address: 10.99.255.1 is the bond's own address; the peer's is "
          "needed\n"
          "f:16:18: bonds[0].spray.peers[3].macs.m0: its next hop is given by via too; allowed: one of them\n"
          "f:17:17: bonds[0].spray.peers[3].via.m0: 10.0.1.255 is no host of the member's network; allowed: "
          "one of "
          "10.0.1.1/24\n"
          "f:18:21: bonds[0].spray.peers[3].weights.m0: \"300\" is out of range; allowed: 1-256\n"
          "f:18:30: bonds[0].spray.peers[3].weights.m1: there is no path to weigh; give its next hop by via "
          "or macs, "
          "or leave it out\n");
    CHECK(problems(file("      addresses: {m0: 10.0.1.1/24, m0: 10.0.2.1/24}\n")).find("is given twice") !=
          std::string::npos);
    CHECK(problems(file("      addresses: [m0]\n")) ==
          "f:9:7: bonds[0].spray.addresses: a list is not a mapping; allowed: NAME: VALUE, one a line\n");
}

TEST_CASE("there is a largest number of peers") {
    std::string peers = "      peers:\n";
    for (int i = 1; i <= 65; ++i)
        peers += "        - {address: 10.98.0." + std::to_string(i) + ", macs: {m0: 02:bd:00:00:00:01}}\n";
    CHECK(problems(file(peers)) ==
          "f:9:7: bonds[0].spray.peers: 65 peers with 65 paths are too many; allowed: up to 64 with 1024\n");
}

} // namespace spray_section

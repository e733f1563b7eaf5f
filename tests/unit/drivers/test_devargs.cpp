// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "embed/devargs.hpp"

using namespace dpdkbond;

namespace {

std::vector<std::string> problems(const std::string& text) {
    return parse_port_args("net_dpdkbond0", text).problems;
}

PortArgs args(const std::string& text) {
    auto parsed = parse_port_args("net_dpdkbond0", text);
    INFO(text << ": " << (parsed.problems.empty() ? "" : parsed.problems[0]));
    CHECK(parsed.problems.empty());
    return std::move(parsed.args);
}

} // namespace

TEST_CASE("net_bonding's devargs mean what they mean to Linux") {
    const PortArgs a =
        args("mode=4,slave=0000:01:00.0,slave=01:00.1,xmit_policy=l34,socket_id=1,mac=02:bd:00:00:00:01,"
             "lsc_poll_period_ms=50,up_delay=100,down_delay=150,agg_mode=bandwidth");
    const BondConfig& b = a.bond;
    CHECK(b.name == "net_dpdkbond0");
    CHECK(b.mode == Mode::ieee8023ad);
    CHECK(b.options.xmit_hash_policy == HashPolicy::layer34);
    CHECK(b.options.miimon == 50);
    CHECK(b.options.updelay == 100);
    CHECK(b.options.downdelay == 150);
    CHECK(bond_option_text(b.options, *find_option("ad_select")) == "bandwidth");
    CHECK(a.socket_id == 1);
    REQUIRE(b.logical.mac);
    CHECK(b.logical.mac->to_string() == "02:bd:00:00:00:01");
    REQUIRE(b.members.size() == 2);
    CHECK(b.members[0].device == "0000:01:00.0");
    CHECK(b.members[1].name == "0000-01-00.1");
}

TEST_CASE("Linux's names work too, lists in brackets, and the primary is a device or a member") {
    const BondConfig b =
        args("mode=active-backup,member=net_af_packet0,member=0000:01:00.1,primary=0000:01:00.1,"
             "arp_interval=100,arp_ip_target=[192.0.2.1,192.0.2.2]")
            .bond;
    CHECK(b.options.primary == "0000-01-00.1");
    CHECK(b.options.arp_ip_target.size() == 2);
    CHECK(b.options.miimon == 0); // which arp_interval excludes
    CHECK(args("mode=1,member=net_ring0,primary=net_ring0").bond.options.primary == "net_ring0");
    CHECK(args("member=net_ring0").bond.mode == Mode::balance_rr);
    CHECK(args("member=net_ring0").bond.options.miimon == 100);
}

TEST_CASE("a mistake is one line that names its key, and all are told at once") {
    const auto one = [](const std::string& text, const std::string& begin) {
        const auto found = problems(text);
        INFO(text << " → " << (found.empty() ? "nothing" : found[0]));
        REQUIRE(found.size() == 1);
        CHECK(found[0].starts_with(begin));
        CHECK(found[0].find('\n') == std::string::npos);
    };
    one("mode=nine,member=net_ring0", "mode: \"nine\" is no mode; allowed: balance-rr (0)");
    one("mode=1", "member: there is none");
    one("mode=1,member=net_ring0,member=net_ring0", "member: net_ring0 is there twice");
    one("mode=1,member=net_ring0,xmit_polcy=l34",
        "xmit_polcy: there is no such key; did you mean xmit_policy?");
    one("mode=2,member=net_ring0,xmit_policy=l5", "xmit_policy: \"l5\" is no policy; allowed: l2, l23, l34");
    one("mode=1,member=net_ring0,prio=3", "prio: it is a member's");
    one("mode=1,member=net_ring0,miimon=50,lsc_poll_period_ms=60",
        "lsc_poll_period_ms: it is miimon, which is there twice");
    one("mode=1,member=net_ring0,socket_id=300", "socket_id: ");
    one("mode=1,member=net_ring0,mac=01:00:5e:00:00:01", "mac: ");
    one("mode=1,member=net_ring0,primary=net_ring1", "primary: ");
    one("mode=4,member=net_ring0,arp_interval=100", "arp_interval: ");
    one("mode,member=net_ring0", "\"mode\": it has no value");
    one("mode=1,member=net_ring0,bond=bond0", "bond: names a bond of a file");
    one("config=/nonexistent", "config: /nonexistent");
    CHECK(problems("mode=x,mac=y,member=net_ring0").size() == 2);
    CHECK(parse_port_args("net_dpdkbond_of_many", "member=net_ring0").problems.size() == 1);
}

TEST_CASE("a file gives options and members, and what stands beside it goes before") {
    char path[] = "/tmp/dpdkbond-devargs-XXXXXX";
    const int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    std::ofstream(path)
        << "bonds:\n"
           "  - {name: bond0, mode: active-backup, members: [{device: net_ring0}]}\n"
           "  - name: bond1\n    mode: 802.3ad\n    lacp_rate: fast\n    members:\n"
           "      - {device: net_ring1, name: left}\n      - {device: net_ring2, actor_port_prio: 7}\n";
    const std::string file = std::string("config=") + path;
    CHECK(problems(file) ==
          std::vector<std::string>{"bond: " + std::string(path) + " has 2 bonds; name one of them"});
    CHECK(problems(file + ",bond=bond9").size() == 1);
    const BondConfig b = args(file + ",bond=bond1,lacp_rate=slow").bond;
    CHECK(b.mode == Mode::ieee8023ad);
    CHECK(bond_option_text(b.options, *find_option("lacp_rate")) == "slow");
    REQUIRE(b.members.size() == 2);
    CHECK(b.members[0].name == "left");
    CHECK(b.members[1].options.actor_port_prio == 7);
    unlink(path);
}

TEST_CASE("taps of members are the program's alone") {
    CHECK(problems("member=net_ring0,member_taps=on") ==
          std::vector<std::string>{"member_taps: taps of members are the program dpdk-bond's; leave it out"});
    CHECK(problems("member=net_ring0,member_taps=off").empty());
}

// SPDX-License-Identifier: BSD-3-Clause
// linux/*.txt are what Linux 6.1 printed for real bonds over veths m0 and m1.
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "fake_instance.hpp"
#include "ops/render.hpp"
#include "ops/spray_view.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

std::string without_first_line(const std::string& text) { return text.substr(text.find('\n') + 1); }

std::string recorded(const std::string& name) {
    std::ifstream file(std::string(LINUX_TEXTS) + "/" + name + ".txt");
    REQUIRE(file.good());
    std::stringstream text;
    text << file.rdbuf();
    return without_first_line(text.str());
}

std::string rendered(const BondView& view) { return without_first_line(render_proc(settled(view))); }

BondView active_backup() {
    BondView v = make_bond(Mode::active_backup);
    v.status.active_member = MemberId{0};
    v.members[1].status.active = v.members[1].status.usable = false;
    return v;
}

BondView with_delays() {
    BondView v = active_backup();
    v.options.updelay = 200;
    v.options.downdelay = 400;
    v.options.peer_notif_delay = 300;
    return v;
}

} // namespace

TEST_CASE("the first line names dpdk-bond and its version") {
    const std::string text = render_proc(make_bond(Mode::balance_rr, 0));
    CHECK(text.substr(0, text.find('\n')) ==
          "Ethernet Channel Bonding Driver: dpdk-bond " + std::string(program_version()));
}

TEST_CASE("balance-rr reads as on Linux") {
    CHECK(rendered(make_bond(Mode::balance_rr, 0)) == recorded("rr-empty"));
    BondView v = make_bond(Mode::balance_rr);
    CHECK(rendered(v) == recorded("rr"));
    set_down(v.members[1], 1);
    CHECK(rendered(v) == recorded("rr-one-down"));
}

TEST_CASE("a member whose speed nobody knows reads as on Linux") {
    BondView v = make_bond(Mode::balance_rr, 1);
    v.members[0].status.name = "d0";
    v.members[0].status.speed_mbps = 0;
    v.members[0].status.duplex = Duplex::unknown;
    v.members[0].status.perm_mac = *Mac::parse("a2:07:e7:1f:c9:c7");
    CHECK(rendered(v) == recorded("rr-unknown-speed"));
}

TEST_CASE("active-backup reads as on Linux through a failover with delays") {
    BondView v = with_delays();
    CHECK(rendered(v) == recorded("ab-delays"));
    v.members[0].status.mii = MiiStatus::going_down;
    CHECK(rendered(v) == recorded("ab-going-down"));
    set_down(v.members[0], 1);
    v.status.active_member = MemberId{1};
    CHECK(rendered(v) == recorded("ab-failed-over"));
    v.members[0].status.mii = MiiStatus::going_back;
    CHECK(rendered(v) == recorded("ab-going-back"));
    set_down(v.members[0], 2);
    set_down(v.members[1], 1);
    v.status.active_member = kNoMember;
    v.status.link_up = false;
    CHECK(rendered(v) == recorded("ab-none-up"));
}

TEST_CASE("primary, fail_over_mac and queue ids read as on Linux") {
    BondView v = active_backup();
    v.options.fail_over_mac = FailOverMac::follow;
    v.options.primary_reselect = PrimaryReselect::better;
    v.status.primary = v.status.active_member = MemberId{1};
    CHECK(rendered(v) == recorded("ab-primary-follow"));

    v = active_backup();
    v.options.fail_over_mac = FailOverMac::active;
    v.members[1].status.options.queue_id = 2;
    CHECK(rendered(v) == recorded("ab-queue-id"));
}

TEST_CASE("a primary that is no member reads None") {
    BondView v = active_backup();
    v.options.primary = "m7";
    CHECK_THAT(rendered(v), Catch::Contains("\nPrimary Slave: None\n"));
}

TEST_CASE("the ARP and ND monitor read as on Linux") {
    BondView v = active_backup();
    v.options.miimon = 0;
    v.options.arp_interval = 200;
    v.options.arp_ip_target = {*Ipv4::parse("192.0.2.1"), *Ipv4::parse("192.0.2.2")};
    set_down(v.members[0], 1);
    v.status.active_member = MemberId{1};
    CHECK(rendered(v) == recorded("ab-arp"));

    v = active_backup();
    v.options.miimon = 0;
    v.options.arp_interval = 200;
    v.options.ns_ip6_target = {*Ipv6::parse("2001:db8::1"), *Ipv6::parse("2001:db8::2")};
    set_down(v.members[1], 1);
    CHECK(rendered(v) == recorded("ab-ns"));

    v = make_bond(Mode::balance_xor, 0);
    v.options.xmit_hash_policy = HashPolicy::encap34;
    v.options.miimon = 0;
    v.options.arp_interval = 100;
    v.options.arp_missed_max = 5;
    v.options.arp_ip_target = {*Ipv4::parse("192.0.2.1")};
    CHECK(rendered(v) == recorded("xor-arp-empty"));
}

TEST_CASE("who objects to a member, and its penalty, stand where Linux's lines of it end") {
    BondView v = active_backup();
    MemberStatus& s = v.members[1].status;
    s.objection = "arp 192.0.2.1";
    s.watching.add(Watcher::flapping);
    s.flap_penalty = 2345.6;
    s.flap_suppressed = true;
    const std::string lines =
        "Slave queue ID: 0\nNot usable: arp 192.0.2.1\nFlap penalty: 2346 (suppressed)\n";
    CHECK_THAT(rendered(v), Catch::Contains(lines));
    s.objection = {};
    s.flap_suppressed = false;
    CHECK_THAT(rendered(v), Catch::Contains("Slave queue ID: 0\nFlap penalty: 2346\n"));
}

TEST_CASE("balance-xor and broadcast read as on Linux") {
    BondView v = make_bond(Mode::balance_xor);
    v.options.xmit_hash_policy = HashPolicy::layer23;
    CHECK(rendered(v) == recorded("xor"));
    CHECK(rendered(make_bond(Mode::broadcast)) == recorded("broadcast"));
}

TEST_CASE("balance-tlb names its hash only where the hash decides, as on Linux") {
    BondView v = make_bond(Mode::balance_tlb);
    v.status.active_member = MemberId{0};
    CHECK(rendered(v) == recorded("tlb"));
    v.options.tlb_dynamic_lb = false;
    v.options.xmit_hash_policy = HashPolicy::layer34;
    CHECK(rendered(v) == recorded("tlb-static"));
}

TEST_CASE("balance-alb with a primary reads as on Linux") {
    BondView v = make_bond(Mode::balance_alb);
    v.status.active_member = v.status.primary = MemberId{0};
    CHECK(rendered(v) == recorded("alb-primary"));
}

TEST_CASE("events are one line each, with date, member, name and detail") {
    const std::vector<PastEvent> events{
        past(make_event(1, EventKind::bond_up, ""), 1'764'327'600'123'456'789),
        past(make_event(2, EventKind::active_changed, "m1", "m0 went down"), 1'764'327'600'999'000'000, 7)};
    CHECK(render_events(events) ==
          "2025-11-28T11:00:00.123Z  -             bond_up\n"
          "2025-11-28T11:00:00.999Z  m1            active_changed  m0 went down  (and 7 more like it)\n");
    CHECK(render_events({}).empty());
}

TEST_CASE("statistics name the reasons of drops and only those that happened") {
    BondView v = make_bond(Mode::balance_rr, 1);
    v.counters.rx_packets = 7;
    v.counters.drops[static_cast<std::size_t>(DropReason::no_member)] = 3;
    v.members[0].counters.tx_bytes = 4242;
    const std::string text = render_stats(v);
    CHECK_THAT(text, Catch::Contains("bond0\n  received                   7 frames"));
    CHECK_THAT(text, Catch::Contains(" 3  no_member: no usable member to send by\n"));
    CHECK_THAT(text, Catch::Contains("m0\n"));
    CHECK_THAT(text, Catch::Contains(" 4242 bytes\n"));
    CHECK_THAT(text, !Catch::Contains("logical_full"));
}

TEST_CASE("an explanation says hash, bucket, member and why") {
    CHECK(render_explain({true, 0x2f, 4, 6, "m1", "because"}) ==
          "hash 0x0000002f, bucket 4 of 6: m1\nbecause\n");
    CHECK(render_explain({false, 0, 0, 0, "*", "broadcast sends by all"}) ==
          "every usable member\nbroadcast sends by all\n");
    CHECK(render_explain({true, 1, 0, 0, "", "none is up"}) ==
          "hash 0x00000001, bucket 0 of 0: no member\nnone is up\n");
}

TEST_CASE("the paths of balance-spray are told, and each with what becomes of it") {
    SprayView v;
    v.options.granularity = SprayGranularity::flowlet;
    v.options.addresses = {{"m0", IpPrefix{false, {{10, 0, 1, 1}}, {}, 24}}};
    v.peers = {
        {"10.99.255.2",
         {{"m0", "10.0.1.2", Mac{{2, 0, 0, 0, 0, 1}}, "up", 1, 1234}, {"m1", "", Mac{}, "silent", 40, 5}}}};
    CHECK(render_spray(v) ==
          "Granularity: flowlet (gap 500 us)\nProbes: every 1000 ms, 3 unanswered take a path out of use\n"
          "Address of m0: 10.0.1.1/24\n\nPeer: 10.99.255.2\n"
          "  m0            up       weight     1  10.0.1.2         02:00:00:00:00:01          1234 frames\n"
          "  m1            silent   weight    40  -                                -             5 frames\n");
    CHECK(spray_lines(v) == "\nSpray Granularity: flowlet\nSpray Peer: 10.99.255.2, 1 of 2 paths up\n");
    CHECK(spray_member_line(v, "m1") == "Spray: 0 of 1 paths up\n");
    Explanation e{false, 0, 0, 0, "m0", "peer"};
    e.paths = {"m0 via 10.0.1.2, weight 1", "m1 at 02:00:00:00:00:02: silent"};
    CHECK(render_explain(e) == "m0\npeer\n  m0 via 10.0.1.2, weight 1\n  m1 at 02:00:00:00:00:02: silent\n");
}

TEST_CASE("a member taken down by command says so") {
    MemberView m = make_member(0);
    m.status.admin_down = true;
    set_down(m, 1);
    CHECK_THAT(render_member(m), Catch::Contains("Carrier: down (taken down by command)\n"));
    CHECK_THAT(render_member(m), Catch::Contains("prio: 0\n"));
}

TEST_CASE("a member shows what it does itself of what the logical interface leaves undone") {
    MemberView m = make_member(0);
    CHECK_THAT(render_member(m), !Catch::Contains("Offloads"));
    m.offloads = Offloads::none;
    CHECK_THAT(render_member(m), Catch::Contains("Offloads: none\n"));
    CHECK_THAT(render_member(m), !Catch::Contains("cut in software"));
    m.offloads = Offloads::nic_checksum;
    m.counters.cut_in_software = 34;
    CHECK_THAT(render_member(m), Catch::Contains("Offloads: checksum\n"));
    CHECK_THAT(render_member(m), Catch::Contains("  cut in software           34 frames\n"));
    m.offloads = Offloads::nic_tcp;
    m.checks_received = true;
    CHECK_THAT(render_member(m), Catch::Contains("Offloads: checksum, tcp_segmentation, rx_checksum\n"));
    m.offloads = Offloads::all;
    CHECK_THAT(render_member(m),
               Catch::Contains("Offloads: checksum, tcp_segmentation, udp_segmentation, rx_checksum\n"));
}

TEST_CASE("a member that has a tap shows what it carried") {
    MemberView m = make_member(0);
    m.counters.tap_to_host = 12;
    m.counters.tap_foreign = 3;
    CHECK_THAT(render_member(m), !Catch::Contains("tap"));
    m.tap = "m0.lt";
    CHECK_THAT(render_member(m), Catch::Contains("Tap: m0.lt\n"));
    CHECK_THAT(render_member(m), Catch::Contains("  to the tap                12 frames\n"
                                                 "  from the tap               0 frames\n"
                                                 "  dropped at the tap         3  foreign: "));
    CHECK_THAT(render_member(m), !Catch::Contains("refused"));
}

namespace {

// As the recorded bond: fast, layer3+4, two ports of which the aggregator has what each test gives it.
BondView lacp_bond() {
    BondView v = make_bond(Mode::ieee8023ad);
    v.options.lacp_rate = LacpRate::fast;
    v.options.xmit_hash_policy = HashPolicy::layer34;
    v.options.min_links = 1;
    lacp::BondStatus& s = v.lacp.emplace();
    s.active_aggregator = {1};
    s.actor_system_priority = {65535};
    s.actor_system = v.status.mac;
    s.actor_key = {15};
    for (const MemberView& m : v.members) {
        lacp::PortStatus p;
        p.member = m.status.id;
        p.aggregator = {1};
        p.port_enabled = true;
        p.actor = {{65535}, v.status.mac, {15}, {255}, {static_cast<std::uint16_t>(m.status.id.value + 1)},
                   {63}};
        s.ports.push_back(p);
    }
    return v;
}

} // namespace

TEST_CASE("802.3ad with a partner reads as on Linux") {
    BondView v = lacp_bond();
    const Mac partner = *Mac::parse("02:00:00:00:01:00");
    v.lacp->active_ports = 2;
    v.lacp->partner_key = {15};
    v.lacp->partner_system = partner;
    for (lacp::PortStatus& p : v.lacp->ports) {
        p.partner = p.actor;
        p.partner.system = partner;
    }
    for (MemberView& m : v.members) m.status.link_failures = 1;
    CHECK(rendered(v) == recorded("lacp-pair"));
    v.lacp->ports[0].port_enabled = false; // Linux counts those with a link
    CHECK(rendered(v).find("Number of ports: 1\n") != std::string::npos);
}

TEST_CASE("802.3ad without a partner reads as on Linux") {
    BondView v = lacp_bond();
    v.lacp->active_ports = 1;
    v.lacp->partner_key = {1};
    v.lacp->ports[0].actor.state = {79};
    v.lacp->ports[1].actor.state = {71};
    v.lacp->ports[1].aggregator = {2};
    for (lacp::PortStatus& p : v.lacp->ports) p.partner = lacp::kPartnerAdmin;
    CHECK(rendered(v) == recorded("lacp-alone"));
}

TEST_CASE("802.3ad says when no aggregator is active") {
    BondView v = lacp_bond();
    v.lacp->active_aggregator = lacp::kNoAggregator;
    const std::string text = rendered(v);
    CHECK(text.find("System MAC address: 02:00:00:00:00:01\nbond bond0 has no active aggregator\n\nSlave") !=
          std::string::npos);
    CHECK(text.find("Active Aggregator Info") == std::string::npos);
}

TEST_CASE("the LACP page shows both ends of every port and the bits of their states") {
    BondView v = lacp_bond();
    v.lacp->ports[0].rx = lacp::RxState::CURRENT;
    v.lacp->ports[0].counters.bad_rx = 7;
    v.lacp->ports[1].actor.state = {0x45};
    const std::string text = render_lacp(settled(v));
    CHECK(text.find("\nm0: UNSELECTED, aggregator 1, receive CURRENT") != std::string::npos);
    CHECK(text.find("state ATGSCD-- (0x3f)") != std::string::npos);
    CHECK(text.find("state A-G---F- (0x45)") != std::string::npos);
    CHECK(text.find("bad 7,") != std::string::npos);
    CHECK(render_lacp(make_bond(Mode::balance_rr)).empty());
}

TEST_CASE("load is told with shares, and how far they are apart") {
    CHECK(
        render_load(
            {{"m0", 512, 600, {{4, 450}, {kUnspreadFlows, 150}}}, {"m1", 512, 200, {{9, 200}}}, {"m2", 0}}) ==
        "m0              512 buckets           600 bytes/s   75.0 %\n"
        "m1              512 buckets           200 bytes/s   25.0 %\n"
        "m2                0 buckets\n"
        "imbalance: m0 carries 1.50 times the mean of 2 members; bucket 4 of m0: 56.2 % of all\n"
        "m0                bucket 4           450 bytes/s   56.2 %\n"
        "m0              not spread           150 bytes/s   18.8 %\n"
        "m1                bucket 9           200 bytes/s   25.0 %\n");
    CHECK(render_load({{"m0", 1, 300, {}, {{"src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=1,dport=2", 150}}},
                       {"m1", 1, 0}}) == "m0                1 buckets           300 bytes/s  100.0 %\n"
                                         "m1                1 buckets             0 bytes/s    0.0 %\n"
                                         "imbalance: m0 carries 2.00 times the mean of 2 members\n"
                                         "m0                    flow           150 bytes/s   50.0 %  "
                                         "src=192.0.2.1,dst=192.0.2.2,proto=udp,sport=1,dport=2\n");
    CHECK(render_load({{"m0", 1, 0}, {"m1", 1}}) ==
          "m0                1 buckets             0 bytes/s    0.0 %\n"
          "m1                1 buckets\n");
}

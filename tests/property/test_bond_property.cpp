// SPDX-License-Identifier: BSD-3-Clause
// Random lives of a bond in every mode, over virtual time: members join, are dismissed and removed, links
// fall, come back and change their speed, operators take members out, change options and the mode, frames
// arrive, the host thread and the workers follow late. BondLife checks after each step what must hold in
// every mode. DPDKBOND_PROPERTY_RUNS sets how many lives (20000 for a full run), RC_PARAMS the rest.
#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <cstdlib>

#include "bond_life.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

struct Act {
    std::uint8_t kind, who, how;
    std::uint16_t more;
};
std::ostream& operator<<(std::ostream& out, const Act& s) {
    return out << '{' << +s.kind << ' ' << +s.who << ' ' << +s.how << ' ' << s.more << '}';
}

const auto acts = [] {
    return rc::gen::container<std::vector<Act>>(
        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t bits) {
            return Act{static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8U),
                       static_cast<std::uint8_t>(bits >> 16U), static_cast<std::uint16_t>(bits >> 24U)};
        }));
};

struct Choice {
    std::string_view option;
    std::array<std::string_view, 4> values;
};
constexpr Choice kChoices[] = {
    {"primary", {"", "m0", "m1", "m4"}},
    {"primary_reselect", {"always", "better", "failure", "always"}},
    {"miimon", {"100", "50", "0", "100"}},
    {"updelay", {"0", "200", "1000", "0"}},
    {"downdelay", {"0", "200", "300", "0"}},
    {"arp_interval", {"100", "0", "1000", "200"}},
    {"arp_ip_target", {"192.0.2.99", "", "192.0.2.99,203.0.113.9", "192.0.2.99"}},
    {"arp_validate", {"none", "all", "active", "filter"}},
    {"arp_all_targets", {"any", "all", "any", "all"}},
    {"fail_over_mac", {"none", "active", "follow", "none"}},
    {"num_grat_arp", {"1", "3", "2", "1"}},
    {"peer_notif_delay", {"0", "100", "1000", "0"}},
    {"resend_igmp", {"1", "0", "3", "1"}},
    {"all_slaves_active", {"off", "on", "off", "on"}},
    {"xmit_hash_policy", {"layer2", "layer3+4", "layer2+3", "layer2"}},
    {"min_links", {"0", "1", "2", "0"}},
    {"lacp_rate", {"slow", "fast", "fast", "fast"}},
    {"lacp_active", {"on", "off", "on", "on"}},
    {"ad_select", {"stable", "bandwidth", "count", "actor_port_prio"}},
    {"coupled_control", {"on", "off", "on", "off"}},
    {"broadcast_neighbor", {"off", "on", "off", "on"}},
    {"lacp_strict", {"off", "on", "off", "off"}},
    {"tlb_dynamic_lb", {"on", "off", "on", "off"}},
    {"lp_interval", {"1", "10", "1", "2"}},
    {"rlb_ipv6", {"off", "on", "off", "on"}},
    {"damping_half_life", {"0", "10", "2", "0"}},
};

Mode mode_of(unsigned n) { return static_cast<Mode>(n % kModeCount); }

void live(life::BondLife& bond, const Act& a) {
    const unsigned who = a.who % life::kNames;
    switch (a.kind % 24) {
    case 0:
    case 1: bond.join(who, a.how % 16 == 0 ? 0 : a.how % 16 == 1 ? 1 : who + 1, (a.more & 1U) != 0); break;
    case 2: bond.dismiss(who); break;
    case 3:
        if ((a.how & 3U) != 0) bond.dismiss(who);
        if ((a.how & 12U) == 0) bond.pass(std::chrono::milliseconds(a.more % 1000));
        bond.remove(who);
        break;
    case 4:
    case 5:
    case 6: bond.link(who, false, 0, Duplex::unknown); break;
    case 7:
    case 8:
    case 9: {
        static constexpr std::uint32_t speeds[] = {1000, 1000, 10000, 0};
        bond.link(who, true, speeds[a.how & 3U], (a.how & 60U) == 60U ? Duplex::half : Duplex::full);
        break;
    }
    case 10: bond.admin(who, (a.how & 1U) != 0); break;
    case 11: bond.change_mode(mode_of(a.how)); break;
    case 12:
    case 13:
    case 14: {
        const Choice& c = kChoices[a.how % std::size(kChoices)];
        bond.set_option(c.option, c.values[a.more & 3U]);
        break;
    }
    case 15:
        if ((a.how & 1U) != 0)
            bond.set_member_option(who, "prio", (a.more & 1U) != 0 ? "10" : "-5");
        else
            bond.set_member_option(who, "queue_id", (a.more & 1U) != 0 ? "0" : "3");
        break;
    case 16: bond.set_active((a.how & 7U) == 0 ? life::kNames : who); break;
    case 17: bond.set_up((a.how & 3U) != 0); break;
    case 18:
        if ((a.how & 3U) == 0) bond.set_mac(a.more % 4 + 1);
        bond.set_addresses(a.more >> 4U & 7U);
        break;
    case 19: bond.neighbor_speaks(a.who % life::kNeighbors); break;
    case 20: bond.kernel_asks(a.who % life::kNeighbors); break;
    case 21:
        bond.partner((a.how & 3U) != 0);
        bond.target((a.how & 12U) != 0);
        break;
    case 22:
        bond.host_delay(std::chrono::milliseconds((a.how & 1U) != 0 ? a.more % 500 : 0));
        bond.worker_delay(std::chrono::milliseconds((a.how & 2U) != 0 ? a.more % 100 : 0));
        break;
    default: break;
    }
    // Often nothing, mostly less than a second, sometimes half a minute.
    const std::uint16_t while_ms = a.more % 1024;
    if ((a.how & 0xc0U) == 0xc0U)
        bond.pass(std::chrono::milliseconds((a.how & 0x38U) == 0 ? while_ms * 30 : while_ms));
    else if ((a.how & 0x80U) != 0)
        bond.pass(std::chrono::milliseconds(while_ms >> (a.how >> 4U & 3U) * 2U));
}

void set_runs() {
    if (std::getenv("RC_PARAMS") != nullptr) return;          // NOLINT(concurrency-mt-unsafe)
    const char* runs = std::getenv("DPDKBOND_PROPERTY_RUNS"); // NOLINT(concurrency-mt-unsafe)
    setenv("RC_PARAMS", ("max_success=" + std::string(runs != nullptr ? runs : "150")).c_str(), 1); // NOLINT
}

} // namespace

TEST_CASE("whatever happens to a bond of any mode, its rules hold, in the end it carries, and its end is no "
          "failover") {
    set_runs();
    CHECK(rc::check("a bond's rules", [] {
        const auto start = *rc::gen::arbitrary<std::uint32_t>();
        BondOptions options;
        options.fail_over_mac = static_cast<FailOverMac>((start >> 8U) % 3);
        if ((start >> 10U & 3U) == 0) options.active_slave = "m1";
        options.spray.addresses.push_back({"m0", IpPrefix{false, Ipv4{{10, 0, 0, 1}}, {}, 24}});
        SprayPeerOptions peer{Ipv4{{10, 99, 255, 2}}, {}};
        for (unsigned m = 0; m < 4; ++m)
            peer.paths.push_back({"m" + std::to_string(m), std::nullopt,
                                  Mac{{2, 0xd, 0, 0, 0, static_cast<std::uint8_t>(m)}}, 0});
        options.spray.peers.push_back(peer);
        life::BondLife bond(mode_of(start), options, (start >> 12U & 3U) == 0, start >> 14U & 3U);
        for (const Act& a : *acts()) {
            live(bond, a);
            if (!bond.broken().empty()) break;
        }
        if (bond.broken().empty()) bond.heal();
        if (bond.broken().empty()) bond.end();
        if (!bond.broken().empty()) RC_LOG() << bond.trace() << "*** " << bond.broken() << '\n';
        RC_ASSERT(bond.broken().empty());
    }));
}

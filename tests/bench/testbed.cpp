// SPDX-License-Identifier: BSD-3-Clause
#include "testbed.hpp"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>

#include "bond_compat.hpp"
#include "datapath/punt_neighbors.hpp"
#include "datapath/rx_engine.hpp"

namespace dpdkbond::bench {

namespace {

void check(int status, const char* what) {
    if (status < 0) throw std::runtime_error(fmt::format("{}: {}", what, rte_strerror(-status)));
}

// Addresses, ports and what is behind them at random, a few stations by MAC.
void write_frame(rte_mbuf* m, std::mt19937& random, Traffic traffic) {
    auto* frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(m, kFrameSize));
    for (unsigned i = 0; i < kFrameSize; ++i) frame[i] = static_cast<std::uint8_t>(random());
    auto* eth = reinterpret_cast<rte_ether_hdr*>(frame);
    const std::uint8_t to[] = {2, 0, 0, 0, 0, static_cast<std::uint8_t>(random() % 32)};
    const std::uint8_t from[] = {2, 0, 0, 0, 1, static_cast<std::uint8_t>(random() % 32)};
    std::memcpy(frame, to, 6);
    std::memcpy(frame + 6, from, 6);
    std::uint8_t* payload = frame + sizeof *eth;
    bool v6 = random() % 10 == 0;
    if (traffic != Traffic::mixed && traffic != Traffic::runs && traffic != Traffic::tagged)
        v6 = traffic == Traffic::ipv6;
    const rte_be16_t type = rte_cpu_to_be_16(v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
    eth->ether_type = type;
    if (traffic == Traffic::tagged) {
        auto* vlan = reinterpret_cast<rte_vlan_hdr*>(payload);
        eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
        vlan->vlan_tci = rte_cpu_to_be_16(static_cast<std::uint16_t>(100 + random() % 4));
        vlan->eth_proto = type;
        payload += sizeof *vlan;
    }
    const std::uint8_t protocol = random() % 2 == 0 ? IPPROTO_TCP : IPPROTO_UDP;
    const auto left = [&] { return static_cast<std::uint16_t>(frame + kFrameSize - payload); };
    const auto write_ipv4 = [&](std::uint16_t fragment, std::uint8_t next) {
        auto* ip = reinterpret_cast<rte_ipv4_hdr*>(payload);
        ip->version_ihl = 0x45;
        ip->total_length = rte_cpu_to_be_16(left());
        ip->fragment_offset = rte_cpu_to_be_16(fragment);
        ip->next_proto_id = next;
        payload += sizeof *ip;
    };
    if (v6) {
        auto* ip = reinterpret_cast<rte_ipv6_hdr*>(payload);
        ip->vtc_flow = rte_cpu_to_be_32(0x60000000);
        ip->payload_len = rte_cpu_to_be_16(static_cast<std::uint16_t>(left() - sizeof *ip));
        ip->proto = protocol;
    } else if (traffic == Traffic::encapsulated) {
        write_ipv4(RTE_IPV4_HDR_DF_FLAG, IPPROTO_GRE);
        const std::uint8_t gre[] = {0, 0, 0x08, 0x00}; // no key, no checksum, IPv4
        std::memcpy(payload, gre, sizeof gre);
        payload += sizeof gre;
        write_ipv4(RTE_IPV4_HDR_DF_FLAG, protocol);
    } else {
        write_ipv4(traffic == Traffic::fragments ? 185 : RTE_IPV4_HDR_DF_FLAG, protocol);
    }
}

} // namespace

FramePool::FramePool(unsigned flows)
    : pool_(rte_pktmbuf_pool_create_by_ops("frames", flows, 0, 0, RTE_PKTMBUF_HEADROOM + 128, SOCKET_ID_ANY,
                                           "ring_sp_sc")),
      buffers_(flows) {
    if (pool_ == nullptr) throw std::runtime_error("no memory for the frames");
    fill(Traffic::mixed);
}

void FramePool::fill(Traffic traffic) {
    std::vector<rte_mbuf*> all(size());
    if (rte_pktmbuf_alloc_bulk(pool_, all.data(), size()) != 0)
        throw std::runtime_error("the pool is short of buffers");
    std::mt19937 random(1);
    in_runs_ = traffic == Traffic::runs;
    for (std::size_t i = 0; i < all.size(); ++i) {
        write_frame(all[i], random, traffic);
        const bool as_before = traffic == Traffic::one_flow ? i != 0 : in_runs_ && i % kRun != 0;
        if (as_before)
            std::memcpy(rte_pktmbuf_mtod(all[i], char*), rte_pktmbuf_mtod(all[i - 1], char*), kFrameSize);
    }
    sources_.clear();
    for (rte_mbuf* m : all) sources_.emplace_back(m, Mac::from_bytes(rte_pktmbuf_mtod(m, char*) + 6));
    order_.assign(all.begin(), all.end());
    rte_pktmbuf_free_bulk(all.data(), size());
}

FramePool::~FramePool() { rte_mempool_free(pool_); }

void FramePool::set_source(const std::optional<Mac>& mac) {
    for (const auto& [m, own] : sources_)
        std::memcpy(rte_pktmbuf_mtod(m, char*) + 6, mac.value_or(own).data(), 6);
}

void FramePool::set_destinations(const std::vector<Mac>& members, unsigned each) {
    for (std::size_t i = 0; i < order_.size(); ++i)
        std::memcpy(rte_pktmbuf_mtod(static_cast<rte_mbuf*>(order_[i]), char*),
                    members[i / each % members.size()].data(), 6);
}

void FramePool::shuffle() {
    if (!in_runs_) {
        std::shuffle(order_.begin(), order_.end(), random_);
        return;
    }
    for (std::size_t runs = order_.size() / kRun, k = runs; k > 1; --k) { // whole runs change places
        const std::size_t other = random_() % k;
        if (other == k - 1) continue;
        std::swap_ranges(order_.begin() + static_cast<std::ptrdiff_t>((k - 1) * kRun),
                         order_.begin() + static_cast<std::ptrdiff_t>(k * kRun),
                         order_.begin() + static_cast<std::ptrdiff_t>(other * kRun));
    }
}

void FramePool::arrange() {
    if (rte_mempool_get_bulk(pool_, buffers_.data(), size()) != 0)
        throw std::runtime_error("a frame was lost");
    rte_mempool_put_bulk(pool_, order_.data(), size());
}

namespace {

Port open_port(const std::string& device) {
    auto port = Port::open(device);
    if (!port) throw std::runtime_error(port.error());
    return std::move(port).value();
}

} // namespace

Ports::Ports(rte_mempool* pool, unsigned members, unsigned silent)
    : logical(open_port(fmt::format("net_null_logical,size={}", kFrameSize))) {
    for (unsigned i = 0; i < members; ++i) {
        busy.push_back(open_port(fmt::format("net_null_busy{},size={}", i, kFrameSize)));
        if (i < silent)
            idle.push_back(open_port(fmt::format("net_null_idle{},size={},no-rx=1", i, kFrameSize)));
    }
    PortSetup setup;
    setup.pool = pool;
    const auto started = logical.start(setup);
    if (!started) throw std::runtime_error(started.error());
}

bool Setting::in_net_bonding() const {
    if (receiving != Receiving::plain) return false;
    switch (mode) {
    case Mode::balance_rr: return packets_per_slave == 1;
    case Mode::active_backup:
    case Mode::broadcast: return true;
    case Mode::balance_tlb:
    case Mode::balance_alb: return true;
    case Mode::ieee8023ad:
    case Mode::balance_xor:
        return policy == HashPolicy::layer2 || policy == HashPolicy::layer23 || policy == HashPolicy::layer34;
    default: return false;
    }
}

std::string Setting::name() const {
    constexpr const char* policies[] = {"layer2",   "layer3+4", "layer2+3",
                                        "encap2+3", "encap3+4", "vlan+srcmac"};
    std::string text(mode == Mode::balance_rr      ? "balance-rr"
                     : mode == Mode::active_backup ? "active-backup"
                     : mode == Mode::balance_xor   ? "balance-xor"
                     : mode == Mode::balance_tlb   ? "balance-tlb"
                     : mode == Mode::balance_alb   ? "balance-alb"
                     : mode == Mode::ieee8023ad    ? "802.3ad"
                                                   : "broadcast");
    if (mode == Mode::balance_xor || mode == Mode::ieee8023ad)
        text += fmt::format(" {}", policies[static_cast<unsigned>(policy)]);
    if (mode == Mode::balance_rr && packets_per_slave != 1)
        text += fmt::format(" {} a turn", packets_per_slave);
    if (receiving == Receiving::filtered) text += ", filtered";
    if (receiving == Receiving::kernel_sockets) text += ", kernel sockets";
    return text;
}

namespace {

// Null members have no partner: the state machines are this program's, which says that all members are in
// use.
void drive_lacp(std::uint16_t port) {
    rte_eth_bond_8023ad_conf conf{};
    check(rte_eth_bond_8023ad_conf_get(port, &conf), "rte_eth_bond_8023ad_conf_get");
    conf.slowrx_cb = [](std::uint16_t, rte_mbuf* frame) { rte_pktmbuf_free(frame); };
    check(rte_eth_bond_8023ad_setup(port, &conf), "rte_eth_bond_8023ad_setup");
}

void collect_and_distribute(std::uint16_t port, const std::vector<std::uint16_t>& members) {
    for (const std::uint16_t m : members) {
        check(rte_eth_bond_8023ad_ext_collect(port, m, 1), "rte_eth_bond_8023ad_ext_collect");
        check(rte_eth_bond_8023ad_ext_distrib(port, m, 1), "rte_eth_bond_8023ad_ext_distrib");
    }
}

} // namespace

TheirBond::TheirBond(const std::vector<std::uint16_t>& members, rte_mempool* pool)
    : members_(members), name_(fmt::format("net_bonding_bench{}", members.size())) { // its pool outlives it
    const int port = rte_eth_bond_create(name_.c_str(), BONDING_MODE_ROUND_ROBIN, 0);
    check(port, "rte_eth_bond_create");
    port_ = static_cast<std::uint16_t>(port);
    const rte_eth_conf conf{};
    check(rte_eth_dev_configure(port_, 1, 1, &conf), "rte_eth_dev_configure");
    for (const std::uint16_t m : members_) check(bond_add(port_, m), "adding a member to net_bonding");
    check(rte_eth_rx_queue_setup(port_, 0, 512, SOCKET_ID_ANY, nullptr, pool), "rte_eth_rx_queue_setup");
    check(rte_eth_tx_queue_setup(port_, 0, 512, SOCKET_ID_ANY, nullptr), "rte_eth_tx_queue_setup");
}

TheirBond::~TheirBond() {
    rte_eth_dev_stop(port_);
    for (const std::uint16_t m : members_) bond_remove(port_, m);
    rte_eth_bond_free(name_.c_str());
}

void TheirBond::set(const Setting& s) {
    rte_eth_dev_stop(port_);
    const std::uint8_t modes[] = {BONDING_MODE_ROUND_ROBIN, BONDING_MODE_ACTIVE_BACKUP, BONDING_MODE_BALANCE,
                                  BONDING_MODE_BROADCAST,   BONDING_MODE_8023AD,        BONDING_MODE_TLB,
                                  BONDING_MODE_ALB};
    check(rte_eth_bond_mode_set(port_, modes[static_cast<unsigned>(s.mode)]), "rte_eth_bond_mode_set");
    const std::uint8_t policy = s.policy == HashPolicy::layer2    ? BALANCE_XMIT_POLICY_LAYER2
                                : s.policy == HashPolicy::layer23 ? BALANCE_XMIT_POLICY_LAYER23
                                                                  : BALANCE_XMIT_POLICY_LAYER34;
    check(rte_eth_bond_xmit_policy_set(port_, policy), "rte_eth_bond_xmit_policy_set");
    if (s.mode == Mode::ieee8023ad) drive_lacp(port_);
    check(rte_eth_dev_start(port_), "rte_eth_dev_start");
    if (s.mode == Mode::active_backup)
        check(rte_eth_bond_primary_set(port_, members_[0]), "rte_eth_bond_primary_set");
    std::uint16_t active[kMostMembers];
    for (int tries = 0; tries < 500; ++tries) { // net_bonding polls links on a thread of its own
        if (bond_active(port_, active, kMostMembers) == static_cast<int>(members_.size())) {
            if (s.mode == Mode::ieee8023ad) collect_and_distribute(port_, members_);
            return;
        }
        usleep(2000);
    }
    throw std::runtime_error("net_bonding does not bring its members up");
}

void make_plugin_members() {
    for (unsigned i = 0; i < kMostOfAKind; ++i)
        check(rte_dev_probe(fmt::format("net_null_plug{},size={},no-rx=1", i, kFrameSize).c_str()),
              "a member of the plug-in");
}

PluginBond::PluginBond(unsigned members, const Setting& s, rte_mempool* pool) {
    constexpr const char* policies[] = {"layer2",   "layer3+4", "layer2+3",
                                        "encap2+3", "encap3+4", "vlan+srcmac"};
    std::string devargs = fmt::format("net_dpdkbond0,mode={}", static_cast<unsigned>(s.mode));
    if (s.mode == Mode::balance_xor)
        devargs += fmt::format(",xmit_hash_policy={}", policies[static_cast<unsigned>(s.policy)]);
    if (s.mode == Mode::balance_rr) devargs += fmt::format(",packets_per_slave={}", s.packets_per_slave);
    for (unsigned k = 0; k < members; ++k) devargs += fmt::format(",member=net_null_plug{}", k);
    check(rte_dev_probe(devargs.c_str()), devargs.c_str());
    check(rte_eth_dev_get_port_by_name("net_dpdkbond0", &port_), "the plug-in's port");
    const rte_eth_conf conf{};
    check(rte_eth_dev_configure(port_, 1, 1, &conf), "the plug-in's rte_eth_dev_configure");
    check(rte_eth_rx_queue_setup(port_, 0, 512, SOCKET_ID_ANY, nullptr, pool), "its receive queue");
    check(rte_eth_tx_queue_setup(port_, 0, 512, SOCKET_ID_ANY, nullptr), "its transmit queue");
    check(rte_eth_dev_start(port_), "the plug-in's rte_eth_dev_start");
    rte_eth_link link{};
    for (int tries = 0; tries < 500 && link.link_status != RTE_ETH_LINK_UP; ++tries) {
        usleep(2000);
        rte_eth_link_get_nowait(port_, &link);
    }
    if (link.link_status != RTE_ETH_LINK_UP) throw std::runtime_error("the plug-in's link does not come up");
}

PluginBond::~PluginBond() {
    rte_eth_dev_info info;
    if (rte_eth_dev_info_get(port_, &info) == 0) rte_dev_remove(info.device);
}

OurBond::OurBond(const std::vector<std::uint16_t>& members, const Setting& setting,
                 std::uint16_t logical_port)
    : snapshot_(std::make_unique<Snapshot>()), slot_(snapshot_.get()) {
    BondOptions options;
    options.xmit_hash_policy = setting.policy;
    options.packets_per_slave = setting.packets_per_slave;
    // Members of 802.3ad that collect and distribute are balance-xor's, but that LACPDUs are looked for.
    const bool lacp = setting.mode == Mode::ieee8023ad;
    const Mode as = lacp ? Mode::balance_xor : setting.mode;
    const ModeDescriptor* mode = find_mode(as);
    controller_ = mode->control_half();
    Bond bond("bench", {as, controller_.get(), mode->data_half(options), mode->punt, punt_neighbors}, options,
              std::nullopt, 1500);
    const Time start = time_from_ns(0);
    for (const std::uint16_t port : members) {
        MemberInfo info;
        info.name = fmt::format("m{}", port);
        info.data.port = port;
        info.data.kernel_socket = setting.receiving == Receiving::kernel_sockets;
        rte_ether_addr mac;
        if (rte_eth_macaddr_get(port, &mac) == 0) info.perm_mac = Mac::from_bytes(mac.addr_bytes);
        const auto added = bond.add_member(info, {.carrier = true}, start);
        if (!added) throw std::runtime_error(added.error());
    }
    bond.fill(*snapshot_);
    if (lacp) snapshot_->punt = punt_lacp;
    if (setting.receiving == Receiving::filtered) {
        snapshot_->filter.members = MemberSet::all();
        snapshot_->filter.all_unicast = snapshot_->filter.all_groups = false;
    }
    lane_ = std::make_unique<Lane>(0, 1, slot_, LogicalQueue{.port = logical_port});
}

} // namespace dpdkbond::bench

// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk/port.hpp"

#include <fmt/format.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

namespace dpdkbond {

namespace {

std::string reason(int code) { return rte_strerror(code < 0 ? -code : code); }

std::string device_name(const std::string& devargs) { return devargs.substr(0, devargs.find(',')); }

// Ports that a Port object owns. The EAL probes the PCI devices that it was told of when it starts, so a port
// may be there without an owner.
std::mutex g_owned_mutex;
std::set<std::uint16_t> g_owned;

bool is_owned(std::uint16_t id) {
    const std::lock_guard lock(g_owned_mutex);
    return g_owned.contains(id);
}

// ethdev names a PCI port by its full address, whatever form was probed.
std::optional<std::uint16_t> port_of(const std::string& devargs) {
    std::uint16_t id = 0;
    const std::string name = device_name(devargs);
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
    if (rte_eth_dev_get_port_by_name(("0000:" + name).c_str(), &id) == 0) return id;
    rte_dev_iterator it;
    std::optional<std::uint16_t> found; // the first that is nobody's, of several ports of one device
    RTE_ETH_FOREACH_MATCHING_DEV(id, name.c_str(), &it) {
        if (!found || (is_owned(*found) && !is_owned(id))) found = id;
    }
    return found;
}

// What DPDK's virtio driver tells of undone work, and takes; the device may offer less.
constexpr std::uint64_t kVirtioRx =
    RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
constexpr std::uint64_t kVirtioTx = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                    RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

bool carries_virtio_offloads(std::string_view driver, const rte_eth_dev_info& info) {
    return (driver == "net_virtio" || driver == "net_virtio_user") &&
           (info.rx_offload_capa & kVirtioRx) == kVirtioRx && (info.tx_offload_capa & kVirtioTx) == kVirtioTx;
}

std::string_view bus_of(const rte_eth_dev_info& info) {
    return info.device != nullptr ? rte_bus_name(rte_dev_bus(info.device)) : "vdev";
}

bool own(std::uint16_t id) {
    const std::lock_guard lock(g_owned_mutex);
    return g_owned.insert(id).second;
}

void disown(std::uint16_t id) {
    const std::lock_guard lock(g_owned_mutex);
    g_owned.erase(id);
}

// Some devices have several ports; the device goes with the last of them.
bool has_owned_port(const rte_device* device) {
    const std::lock_guard lock(g_owned_mutex);
    return std::ranges::any_of(g_owned, [&](std::uint16_t id) {
        rte_eth_dev_info info;
        return rte_eth_dev_info_get(id, &info) == 0 && info.device == device;
    });
}

// net_e1000_em gives one interrupt with MSI-X and then no more, net_vmxnet3 none for its link (22.11): their
// queues and their links are polled.
bool interrupts_get_lost(std::string_view driver) {
    return driver == "net_e1000_em" || driver == "net_vmxnet3";
}

// Frames of several buffers for which net_vmxnet3 finds too little room in a queue that is not full, so that
// it frees them as if they were sent. It counts them here only.
std::uint64_t lost_long_frames(std::uint16_t port, std::uint16_t queues) {
    std::uint64_t sum = 0;
    for (std::uint16_t q = 0; q < queues; ++q)
        for (const char* what : {"drop_tso", "drop_too_many_segs"}) {
            std::uint64_t id = 0, count = 0;
            if (rte_eth_xstats_get_id_by_name(port, fmt::format("tx_q{}_{}", q, what).c_str(), &id) == 0 &&
                rte_eth_xstats_get_by_id(port, &id, &count, 1) == 1)
                sum += count;
        }
    return sum;
}

} // namespace

std::uint16_t tx_free_thresh(std::string_view driver, std::string_view args) {
    if (driver != "net_virtio_user") return 0;
    constexpr std::string_view key = "queue_size=";
    constexpr std::uint16_t kUsed = 64;
    std::uint16_t size = 256; // the driver's default
    if (const std::size_t at = args.find(key); at != std::string_view::npos)
        std::from_chars(args.data() + at + key.size(), args.data() + args.size(), size);
    return size >= 2 * kUsed ? static_cast<std::uint16_t>(size - kUsed) : std::uint16_t{0};
}

rte_eth_txconf tx_conf(const rte_eth_dev_info& info, std::uint64_t offloads) {
    const rte_devargs* devargs = rte_dev_devargs(info.device);
    const std::string_view args = devargs != nullptr && devargs->args != nullptr ? devargs->args : "";
    rte_eth_txconf conf = info.default_txconf;
    conf.offloads = offloads;
    if (const std::uint16_t thresh = tx_free_thresh(info.driver_name, args); thresh != 0)
        conf.tx_free_thresh = thresh;
    return conf;
}

bool link_interrupts_work(const rte_eth_dev_info& info) {
    const std::string_view driver = info.driver_name != nullptr ? info.driver_name : "";
    return (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0 && !interrupts_get_lost(driver);
}

NicOffloads nic_offloads(std::string_view bus, const rte_eth_dev_info& info) {
    const std::string_view driver = info.driver_name != nullptr ? info.driver_name : "";
    NicOffloads out;
    if (bus == "vdev" || driver == "net_virtio") return out;
    out.rx = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_CHECKSUM;
    // net_e1000_em tells of wrong ones alone.
    out.checks_received = (out.rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM) != 0 && driver != "net_e1000_em";
    constexpr std::uint64_t checksums = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
    constexpr std::uint64_t cutting = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    if ((info.tx_offload_capa & checksums) != checksums) return out;
    out.offloads = Offloads::nic_checksum;
    out.tx = checksums;
    if ((info.tx_offload_capa & cutting) == cutting) {
        out.offloads = Offloads::nic_tcp;
        // net_vmxnet3 refuses frames that ask for IPv4's checksum; the device writes it all the same.
        out.tx |= cutting | (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
    }
    const auto most = [](std::uint16_t said) { // 0: the driver does not say
        return static_cast<std::uint8_t>(said == 0 ? 255 : std::min<std::uint16_t>(said, 255));
    };
    out.limits.buffers = most(info.tx_desc_lim.nb_seg_max);
    out.limits.buffers_a_segment = most(info.tx_desc_lim.nb_mtu_seg_max);
    out.limits.ip_checksum = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
    return out;
}

bool may_have_slow_queue(std::uint16_t port, std::string_view driver, std::uint16_t rx_queues) {
    // The kernel spreads what it sends to a tap over all of its queues: none can be kept for one kind of
    // frame.
    rte_eth_dev_info info;
    return driver != "net_tap" && rte_eth_dev_info_get(port, &info) == 0 && info.max_rx_queues > rx_queues &&
           SlowFlow::possible(port);
}

std::uint16_t net_tap_queues(std::uint16_t rx, std::uint16_t tx) {
    return std::min<std::uint16_t>(std::max(rx, tx), RTE_MP_MAX_FD_NUM / 2);
}

bool rx_interrupts_work(std::string_view driver) { return !interrupts_get_lost(driver); }

Result<Port> Port::open(const std::string& device) {
    auto id = port_of(device);
    if (!id) {
        const int rc = rte_dev_probe(device.c_str());
        if (rc == -EFAULT) return Error{fmt::format("{}: no driver knows it", device)}; // EAL: no bus does
        if (rc != 0) return Error{fmt::format("{}: no driver took it: {}", device, reason(rc))};
        id = port_of(device);
        if (!id) return Error{fmt::format("{}: it is no network device", device)};
    }
    if (!own(*id)) return Error{fmt::format("{}: a device of that name is open already", device)};

    Port port;
    port.open_ = true;
    port.id_ = *id;
    port.device_ = device;
    rte_eth_dev_info info;
    if (const int rc = rte_eth_dev_info_get(*id, &info); rc != 0)
        return Error{fmt::format("{}: it does not tell what it can do: {}", device, reason(rc))};
    port.driver_ = info.driver_name;
    rte_ether_addr mac;
    if (rte_eth_macaddr_get(*id, &mac) == 0)
        port.permanent_mac_ = port.mac_ = Mac::from_bytes(mac.addr_bytes);
    return port;
}

Result<Port> Port::open(const std::string& device, std::unique_ptr<PortOps> ops) {
    auto shell = open("net_null_" + device_name(device));
    if (!shell) return shell;
    Port port = std::move(shell).value();
    port.device_ = device;
    port.driver_ = ops->driver();
    port.permanent_mac_ = port.mac_ = ops->permanent_mac();
    port.ops_ = std::move(ops);
    return port;
}

Port::Port(Port&& other) noexcept { *this = std::move(other); }

Port& Port::operator=(Port&& other) noexcept {
    if (this == &other) return *this;
    close();
    open_ = std::exchange(other.open_, false);
    started_ = std::exchange(other.started_, false);
    rx_interrupts_ = other.rx_interrupts_;
    link_interrupts_ = other.link_interrupts_;
    offloads_ = other.offloads_;
    nic_limits_ = other.nic_limits_;
    checks_received_ = other.checks_received_;
    id_ = other.id_;
    rx_queues_ = other.rx_queues_;
    tx_queues_ = other.tx_queues_;
    slow_queues_ = other.slow_queues_;
    slow_flow_ = std::exchange(other.slow_flow_, {});
    device_ = std::move(other.device_);
    driver_ = std::move(other.driver_);
    ops_ = std::move(other.ops_);
    permanent_mac_ = other.permanent_mac_;
    mac_ = other.mac_;
    return *this;
}

Port::~Port() { close(); }

void Port::close() noexcept {
    if (!open_) return;
    stop();
    rte_eth_dev_info info;
    rte_device* device = rte_eth_dev_info_get(id_, &info) == 0 ? info.device : nullptr;
    rte_eth_dev_close(id_);
    ops_.reset();
    disown(id_);
    if (device != nullptr && !has_owned_port(device)) rte_dev_remove(device);
    open_ = false;
}

Result<void> Port::configure(const PortSetup& setup, bool rx_interrupts, bool link_interrupts) {
    rte_eth_dev_info info;
    if (const int rc = rte_eth_dev_info_get(id_, &info); rc != 0) return Error{reason(rc)};
    const std::uint16_t most_rx =
        ops_ ? std::min(ops_->max_rx_queues(), info.max_rx_queues) : info.max_rx_queues;
    const std::uint16_t most_tx =
        ops_ ? std::min(ops_->max_tx_queues(), info.max_tx_queues) : info.max_tx_queues;
    rx_queues_ = std::clamp<std::uint16_t>(setup.rx_queues, 1, std::max<std::uint16_t>(most_rx, 1));
    tx_queues_ = std::clamp<std::uint16_t>(setup.tx_queues, 1, std::max<std::uint16_t>(most_tx, 1));
    if (driver_ == "net_tap") rx_queues_ = tx_queues_ = net_tap_queues(rx_queues_, tx_queues_);
    const std::uint16_t data_queues = rx_queues_;
    rx_queues_ = static_cast<std::uint16_t>(data_queues + slow_queues_);

    rte_eth_conf conf{};
    conf.intr_conf.lsc = link_interrupts ? 1 : 0;
    conf.intr_conf.rxq = rx_interrupts ? 1 : 0;
    if (data_queues > 1 && info.flow_type_rss_offloads != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf =
            info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
    }
    // A virtio device keeps VLANs away as soon as it could filter them; told so, it takes the ids that we
    // want.
    if (driver_ == "net_virtio") conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
    // Frames of several segments and shared buffers (broadcast) must be sendable: never MBUF_FAST_FREE.
    conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    offloads_ = setup.offloads && carries_virtio_offloads(driver_, info) ? Offloads::tcp : Offloads::none;
    if (offloads_ != Offloads::none) {
        conf.rxmode.offloads |= kVirtioRx;
        conf.txmode.offloads |= kVirtioTx;
    }
    const NicOffloads nic = setup.offloads && !ops_ ? nic_offloads(bus_of(info), info) : NicOffloads{};
    if (is_nic(nic.offloads)) offloads_ = nic.offloads;
    nic_limits_ = nic.limits;
    checks_received_ = nic.checks_received;
    conf.rxmode.offloads |= nic.rx;
    conf.txmode.offloads |= nic.tx;
    if (const int rc = rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &conf); rc != 0)
        return Error{fmt::format("configuring it failed: {}", reason(rc))};
    if (setup.mtu != 0)
        if (auto set = set_mtu(setup.mtu); !set) return set;

    std::uint16_t rx_ring = kQueueDescriptors, tx_ring = kQueueDescriptors;
    rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_ring, &tx_ring);
    const int socket = rte_eth_dev_socket_id(id_);
    const auto node = static_cast<unsigned>(socket < 0 ? 0 : socket);
    for (std::uint16_t q = 0; q < rx_queues_; ++q)
        if (const int rc = rte_eth_rx_queue_setup(id_, q, rx_ring, node, nullptr, setup.pool); rc != 0)
            return Error{fmt::format("receive queue {} failed: {}", q, reason(rc))};
    const rte_eth_txconf txconf = tx_conf(info, conf.txmode.offloads);
    for (std::uint16_t q = 0; q < tx_queues_; ++q)
        if (const int rc = rte_eth_tx_queue_setup(id_, q, tx_ring, node, &txconf); rc != 0)
            return Error{fmt::format("transmit queue {} failed: {}", q, reason(rc))};
    if (const int rc = rte_eth_dev_start(id_); rc != 0)
        return Error{fmt::format("starting it failed: {}", reason(rc))};
    started_ = true;
    if (ops_) return start_ops(setup);
    rx_interrupts_ = rx_interrupts && !is_kernel_socket() && rte_eth_dev_rx_intr_ctl_q_get_fd(id_, 0) >= 0;
    link_interrupts_ = link_interrupts;
    return {};
}

// While the device runs, ethdev calls these of it; it puts its own back when it stops.
Result<void> Port::start_ops(const PortSetup& setup) {
    if (auto done = ops_->start(rx_queues_, tx_queues_, setup.pool); !done) return done;
    struct rte_eth_fp_ops& calls = rte_eth_fp_ops[id_];
    calls.rxq.data = ops_->rx_queues().data();
    calls.txq.data = ops_->tx_queues().data();
    calls.rx_pkt_burst = ops_->rx_burst();
    calls.tx_pkt_burst = ops_->tx_burst();
    return {};
}

Result<void> Port::start(const PortSetup& setup) {
    if (ops_) {
        auto done = configure(setup, false, false);
        if (!done) return Error{fmt::format("{}: {}", device_, done.error())};
        return done;
    }
    rte_eth_dev_info info;
    if (const int rc = rte_eth_dev_info_get(id_, &info); rc != 0)
        return Error{fmt::format("{}: it does not tell what it can do: {}", device_, reason(rc))};
    const bool lsc = setup.link_interrupts && link_interrupts_work(info);
    const bool rxq = setup.rx_interrupts && rx_interrupts_work(driver_);
    // Interrupts and offloads are wishes: a port that does not start with them starts without.
    auto done = configure(setup, rxq, lsc);
    if (!done && (rxq || lsc)) done = configure(setup, false, lsc);
    if (!done && lsc) done = configure(setup, false, false);
    if (!done && (offloads_ != Offloads::none || checks_received_)) {
        PortSetup plain = setup;
        plain.offloads = false;
        return start(plain);
    }
    if (done && setup.slow_queue && may_have_slow_queue(id_, driver_, rx_queues_))
        done = add_slow_queue(setup);
    if (!done) return Error{fmt::format("{}: {}", device_, done.error())};
    return {};
}

// A port that does not come to it is what it was without.
Result<void> Port::add_slow_queue(const PortSetup& setup) {
    const bool rxq = rx_interrupts_, lsc = link_interrupts_;
    const std::uint16_t data_queues = rx_queues_;
    halt();
    slow_queues_ = 1;
    if (configure(setup, rxq, lsc) && (data_queues == 1 || spread_over(id_, data_queues)) &&
        slow_flow_.create(id_, data_queues))
        return {};
    halt();
    slow_queues_ = 0;
    return configure(setup, rxq, lsc);
}

void Port::halt() noexcept {
    slow_flow_.destroy();
    rte_eth_dev_stop(id_);
    if (ops_) ops_->stop();
    started_ = false;
}

void Port::stop() {
    if (!open_ || !started_) return;
    (void)set_mac(permanent_mac_);
    halt();
}

Result<void> Port::set_mac(const Mac& mac) {
    if (mac == mac_) return {};
    if (ops_) {
        auto done = ops_->set_mac(mac);
        if (done) mac_ = mac;
        return done;
    }
    rte_ether_addr address;
    std::memcpy(address.addr_bytes, mac.data(), sizeof address.addr_bytes);
    if (const int rc = rte_eth_dev_default_mac_addr_set(id_, &address); rc != 0)
        return Error{
            fmt::format("{}: it cannot take the address {}: {}", device_, mac.to_string(), reason(rc))};
    mac_ = mac;
    return {};
}

Result<void> Port::set_mtu(std::uint32_t mtu) {
    if (ops_) return ops_->set_mtu(mtu);
    std::uint16_t current = 0;
    if (rte_eth_dev_get_mtu(id_, &current) == 0 && current == mtu) return {};
    const int rc = rte_eth_dev_set_mtu(id_, static_cast<std::uint16_t>(mtu));
    if (rc == 0 || rc == -ENOTSUP) return {}; // what cannot be told has no limit of its own
    return Error{fmt::format("{}: it cannot take an MTU of {}: {}", device_, mtu, reason(rc))};
}

void Port::set_promiscuous(bool on) {
    on ? rte_eth_promiscuous_enable(id_) : rte_eth_promiscuous_disable(id_);
}

void Port::set_allmulticast(bool on) {
    on ? rte_eth_allmulticast_enable(id_) : rte_eth_allmulticast_disable(id_);
}

PortLink Port::link() const {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(id_, &link) != 0) return {};
    PortLink out;
    out.up = link.link_status == RTE_ETH_LINK_UP;
    out.speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    if (out.speed_mbps != 0) out.full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
    return out;
}

std::uint32_t Port::mtu() const {
    if (ops_) return ops_->mtu();
    std::uint16_t mtu = 0;
    return rte_eth_dev_get_mtu(id_, &mtu) == 0 ? mtu : 0;
}

bool Port::is_promiscuous() const { return !ops_ && rte_eth_promiscuous_get(id_) == 1; }

rte_eth_stats Port::stats() const {
    if (ops_) return ops_->stats();
    rte_eth_stats stats{};
    rte_eth_stats_get(id_, &stats);
    if (driver_ == "net_vmxnet3") stats.oerrors += lost_long_frames(id_, tx_queues_);
    return stats;
}

std::vector<int> Port::rx_fds() const { return ops_ ? ops_->rx_fds() : std::vector<int>{}; }

bool is_kernel_socket_driver(std::string_view driver) {
    return driver == "packet_socket" || driver == "net_af_packet" || driver == "net_af_xdp" ||
           driver == "net_pcap";
}

bool Port::is_kernel_socket() const { return is_kernel_socket_driver(driver_); }

bool Port::has_link_state() const { return !is_kernel_socket(); }

} // namespace dpdkbond

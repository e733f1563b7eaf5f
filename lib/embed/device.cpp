// SPDX-License-Identifier: BSD-3-Clause
#include "embed/device.hpp"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "dpdk/clock.hpp"
#include "dpdk/port.hpp"
#include "embed/face.hpp"
#include "host/fd_finder.hpp"
#include "host/link_speed.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint16_t kSlowDescriptors = 128; // of the queue for slow protocols

std::string reason(int code) { return rte_strerror(code < 0 ? -code : code); }

// What the devargs that the device was made with say of a key.
std::string made_with(const rte_device* device, const std::string& key) {
    const rte_devargs* devargs = device != nullptr ? rte_dev_devargs(device) : nullptr;
    if (devargs == nullptr || devargs->args == nullptr) return {};
    return devargs_value(fmt::format("{},{}", devargs->name, devargs->args), key);
}

// Frames are read from it; others are eventfds.
bool is_tun(int fd) {
    struct stat status {};
    return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
}

// By which DPDK knows the port of a member's device.
std::string port_name(const MemberConfig& config) {
    const std::string head = devargs_head(config.device);
    return pci_address(head).value_or(head);
}

} // namespace

std::optional<LinkState> link_of(std::uint16_t port) {
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(port, &link) != 0) return std::nullopt;
    LinkState state;
    state.carrier = link.link_status == RTE_ETH_LINK_UP;
    if (!state.carrier || link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN) return state;
    state.speed_mbps = link.link_speed;
    state.duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX ? Duplex::full : Duplex::half;
    return state;
}

BondedDevice::~BondedDevice() {
    stop();
    if (taken_ && !lost_) rte_eth_dev_owner_unset(port_, owner_.id);
}

Result<bool> BondedDevice::take(std::uint16_t port, const rte_eth_dev_owner& owner) {
    rte_eth_dev_owner other{};
    if (rte_eth_dev_owner_get(port, &other) == 0 && other.id != RTE_ETH_DEV_NO_OWNER && other.id != owner.id)
        return Error{fmt::format("{} belongs to {} already", config.device, other.name)};
    if (const int rc = rte_eth_dev_owner_set(port, &owner); rc != 0)
        return Error{fmt::format("{} cannot be taken: {}", config.device, reason(rc))};
    owner_ = owner;
    port_ = port;
    probed_ = false;
    device_ = nullptr;
    lost_ = false;
    taken_ = true;
    return true;
}

Result<bool> BondedDevice::find(const rte_eth_dev_owner& owner) {
    if (here()) return true;
    if (!taken_ || lost_) {
        if (banned_ || started_) return false; // started: what it was has still to leave
        std::uint16_t port = 0;
        if (rte_eth_dev_get_port_by_name(port_name(config).c_str(), &port) != 0) return false;
        if (auto taken = take(port, owner); !taken) return taken;
    }
    if (rte_eth_dev_is_valid_port(port_) == 0 || !face_.is_probed(port_)) return false;
    read_mac();
    rte_eth_dev_info info;
    if (rte_eth_dev_info_get(port_, &info) == 0) {
        driver_ = info.driver_name;
        device_ = info.device;
    }
    here_since_ = now();
    probed_ = true;
    return true;
}

void BondedDevice::read_mac() {
    rte_ether_addr mac;
    if (rte_eth_macaddr_get(port_, &mac) == 0) permanent_mac_ = mac_ = Mac::from_bytes(mac.addr_bytes);
}

Result<bool> BondedDevice::appeared(std::uint16_t port, std::string_view name,
                                    const rte_eth_dev_owner& owner) {
    if ((taken_ && !lost_) || banned_ || started_ || port_name(config) != name) return false;
    return take(port, owner);
}

bool BondedDevice::is_of(const rte_device* device) const {
    return device_ == device || port_name(config) == rte_dev_name(device);
}

void BondedDevice::lost(bool removed) {
    removed_ = removed;
    lost_ = true;
}

void BondedDevice::let_go(const rte_device* device) {
    device_ = device;
    removed_ = false; // whoever takes it out closes it
    if (taken_ && !lost_) rte_eth_dev_owner_unset(port_, owner_.id);
    banned_ = true;
    taken_ = false;
}

void BondedDevice::close_if_removed() {
    if (!removed_.exchange(false)) return;
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
}

rte_eth_dev_info BondedDevice::capabilities() const {
    rte_eth_dev_info info{};
    if (here() && rte_eth_dev_info_get(port_, &info) != 0) info = {};
    return info;
}

rte_eth_stats BondedDevice::stats() const {
    rte_eth_stats stats{};
    if (here()) rte_eth_stats_get(port_, &stats);
    return stats;
}

Result<void> BondedDevice::configure(const DeviceSetup& setup, Interrupts interrupts) {
    const rte_eth_dev_info info = capabilities();
    const auto wanted_rx = static_cast<std::uint16_t>(setup.rx.size());
    rx_queues_ = std::clamp<std::uint16_t>(wanted_rx, 1, std::max<std::uint16_t>(info.max_rx_queues, 1));
    // One more, for control's own frames, where it has so many.
    tx_queues_ = std::clamp<std::uint16_t>(static_cast<std::uint16_t>(setup.tx.size() + 1), 1,
                                           std::max<std::uint16_t>(info.max_tx_queues, 1));
    if (driver_ == "net_tap") rx_queues_ = tx_queues_ = net_tap_queues(rx_queues_, tx_queues_);
    const auto all_rx = static_cast<std::uint16_t>(rx_queues_ + (has_slow_queue_ ? 1 : 0));
    rte_eth_conf conf{};
    conf.link_speeds = 0;
    conf.rxmode = setup.conf->rxmode;
    conf.rxmode.mtu = 0; // set_mtu() tells it: some drivers ask their netdev then only
    conf.rxmode.offloads &= info.rx_offload_capa;
    conf.rx_adv_conf.rss_conf = setup.conf->rx_adv_conf.rss_conf;
    conf.rx_adv_conf.rss_conf.rss_hf &= info.flow_type_rss_offloads;
    if (rx_queues_ == 1 && conf.rx_adv_conf.rss_conf.rss_hf == 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    if (info.flow_type_rss_offloads == 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    spreads_ = conf.rxmode.mq_mode != RTE_ETH_MQ_RX_NONE;
    conf.txmode.mq_mode = RTE_ETH_MQ_TX_NONE;
    // Frames of control's own are of another pool, and broadcast shares frames: never MBUF_FAST_FREE.
    conf.txmode.offloads = setup.conf->txmode.offloads & info.tx_offload_capa &
                           ~std::uint64_t{RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE};
    conf.intr_conf.lsc = interrupts.link ? 1 : 0;
    conf.intr_conf.rxq = interrupts.rx ? 1 : 0;
    if (const int rc = rte_eth_dev_configure(port_, all_rx, tx_queues_, &conf); rc != 0)
        return Error{fmt::format("configuring it failed: {}", reason(rc))};
    if (auto set = set_mtu(setup.mtu); !set) return set;
    const int socket = rte_eth_dev_socket_id(port_);
    const auto node = static_cast<unsigned>(socket < 0 ? 0 : socket);
    const bool xdp = driver_ == "net_af_xdp";
    for (std::uint16_t q = 0; q < all_rx; ++q) {
        const DeviceSetup::Rx& wanted = setup.rx[q % setup.rx.size()]; // of the one that reads it
        std::uint16_t rx = q == rx_queues_ ? kSlowDescriptors : wanted.descriptors, tx = 512;
        rte_eth_dev_adjust_nb_rx_tx_desc(port_, &rx, &tx);
        rte_eth_rxconf rxconf = info.default_rxconf;
        rxconf.offloads = conf.rxmode.offloads;
        if (wanted.conf->rx_free_thresh != 0) rxconf.rx_drop_en = wanted.conf->rx_drop_en;
        const std::vector<int> before = xdp ? list_xdp_socket_fds() : std::vector<int>{};
        if (const int rc = rte_eth_rx_queue_setup(port_, q, rx, node, &rxconf, wanted.pool); rc != 0)
            return Error{fmt::format("receive queue {} failed: {}", q, reason(rc))};
        if (!xdp) continue;
        const std::vector<int> opened = xdp_socket_fds_since(before);
        if (opened.size() == 1) xdp_sockets_[q] = opened.front();
    }
    for (std::uint16_t q = 0; q < tx_queues_; ++q) {
        std::uint16_t rx = 512, tx = q < setup.tx.size() ? setup.tx[q] : std::uint16_t{256};
        rte_eth_dev_adjust_nb_rx_tx_desc(port_, &rx, &tx);
        const rte_eth_txconf txconf = tx_conf(info, conf.txmode.offloads);
        if (const int rc = rte_eth_tx_queue_setup(port_, q, tx, node, &txconf); rc != 0)
            return Error{fmt::format("transmit queue {} failed: {}", q, reason(rc))};
    }
    if (const int rc = rte_eth_dev_start(port_); rc != 0)
        return Error{fmt::format("starting it failed: {}", reason(rc))};
    started_ = true;
    has_own_tx_queue_ = tx_queues_ > setup.tx.size();
    interrupts_ = interrupts.link;
    rx_interrupts_ = interrupts.rx;
    for (std::uint16_t q = 0; q < rx_queues_ && rx_interrupts_; ++q)
        rx_interrupts_ = rte_eth_dev_rx_intr_ctl_q_get_fd(port_, q) >= 0;
    return {};
}

bool BondedDevice::may_tell() const {
    return driver_ == "net_af_packet" || driver_ == "net_af_xdp" || face_.has_rx_interrupts(port_);
}

RxSource BondedDevice::rx_source(std::uint16_t queue) const {
    RxSource source;
    if (rx_interrupts_) {
        source.kind = RxSource::Kind::interrupt;
        if (const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port_, queue); is_tun(fd))
            source = {RxSource::Kind::sockets, {fd}, true};
        return source;
    }
    const auto netdev = static_cast<int>(capabilities().if_index);
    std::size_t opened = rx_queues_;
    if (driver_ == "net_af_packet") {
        source.sockets = find_packet_socket_fds(netdev);
        const std::string pairs = made_with(device_, "qpairs");
        opened = pairs.empty() ? 1 : std::strtoul(pairs.c_str(), nullptr, 0);
    } else if (driver_ == "net_af_xdp" && xdp_sockets_.contains(queue)) {
        return {RxSource::Kind::sockets, {xdp_sockets_.at(queue)}, true};
    }
    if (source.sockets.empty()) return source;
    source.kind = RxSource::Kind::sockets;
    source.exact = source.sockets.size() == opened && queue < opened; // they were opened one by one
    if (source.exact) source.sockets = {source.sockets[queue]};
    return source;
}

Result<void> BondedDevice::start(const DeviceSetup& setup) {
    const rte_eth_dev_info info = capabilities();
    if (info.dev_flags == nullptr) return Error{fmt::format("{}: it cannot be asked", config.device)};
    driver_ = info.driver_name != nullptr ? info.driver_name : "";
    device_ = info.device;
    if (face_.is_started(port_)) rte_eth_dev_stop(port_); // its user before us has left it so
    read_mac();
    mac_refused_ = false;
    const bool lsc = link_interrupts_work(info);
    const bool rxq = setup.rx_interrupts && !is_kernel_socket_driver(driver_) && rx_interrupts_work(driver_);
    has_slow_queue_ = false;
    // Interrupts are a wish: a device that does not start with them starts without.
    Interrupts interrupts{lsc, rxq};
    auto done = configure(setup, interrupts);
    if (!done && interrupts.rx) done = configure(setup, interrupts = {lsc, false});
    if (!done && interrupts.link) done = configure(setup, interrupts = {});
    if (done && may_have_slow_queue(port_, driver_, rx_queues_)) done = add_slow_queue(setup, interrupts);
    if (!done) return Error{fmt::format("{}: {}", config.device, done.error())};
    filter_ = std::make_unique<PortFilter>(ethdev_filter(port_));
    carrier_.reset();
    std::string netdev = config.carrier.netdev;
    if (config.carrier.kind == CarrierKind::automatic && is_kernel_socket_driver(driver_))
        netdev = made_with(info.device, "iface");
    if (!netdev.empty()) carrier_ = std::make_unique<CarrierPoll>(netdev);
    return {};
}

Result<void> BondedDevice::add_slow_queue(const DeviceSetup& setup, Interrupts interrupts) {
    halt();
    has_slow_queue_ = true;
    if (configure(setup, interrupts) && (!spreads_ || spread_over(port_, rx_queues_)) &&
        slow_flow_.create(port_, rx_queues_))
        return {};
    halt();
    has_slow_queue_ = false;
    return configure(setup, interrupts);
}

void BondedDevice::halt() {
    slow_flow_.destroy();
    if (started_) rte_eth_dev_stop(port_);
    started_ = false;
}

void BondedDevice::stop() {
    if (!started_) return;
    reports_ = kNoMember;
    id = kNoMember;
    if (lost_) {
        slow_flow_ = {};
        started_ = false;
        return;
    }
    (void)wear_mac(permanent_mac_);
    filter_.reset();
    halt();
}

LinkState BondedDevice::read_link() {
    if (lost_ || !started_) return {};
    if (!carrier_) return link_of(port_).value_or(LinkState{});
    LinkState state;
    state.carrier = carrier_->carrier();
    if (!state.carrier) return state;
    const LinkSpeed speed = link_speed(carrier_->name());
    state.speed_mbps = speed.mbps;
    state.duplex = !speed.full_duplex ? Duplex::unknown : *speed.full_duplex ? Duplex::full : Duplex::half;
    return state;
}

void BondedDevice::report_interrupts_of(MemberId member) {
    if (interrupts_ && !carrier_) reports_ = member;
}

std::optional<std::string> BondedDevice::wear_mac(const Mac& mac) {
    if (mac.is_zero() || mac == mac_ || lost_) return std::nullopt;
    if (std::erase(also_, mac) != 0) (void)apply_filter(); // it is not to be there twice
    rte_ether_addr address;
    std::memcpy(address.addr_bytes, mac.data(), sizeof address.addr_bytes);
    const int rc = rte_eth_dev_default_mac_addr_set(port_, &address);
    if (rc == 0) mac_ = mac;
    if (rc == 0 || std::exchange(mac_refused_, true)) return std::nullopt;
    (void)apply_filter();
    return fmt::format("{}: it cannot take the address {}: {}; it receives everything instead", config.device,
                       mac.to_string(), reason(rc));
}

std::vector<std::string> BondedDevice::apply_filter() {
    if (!filter_ || lost_) return {};
    ReceiveWishes all = wishes_;
    for (const Mac& mac : also_)
        if (mac != mac_ && std::ranges::find(all.unicast, mac) == all.unicast.end())
            all.unicast.push_back(mac);
    return filter_->apply(all, mac_refused_);
}

std::vector<std::string> BondedDevice::accept_also(std::span<const Mac> macs) {
    if (macs.empty() && also_.empty()) return {};
    also_.assign(macs.begin(), macs.end());
    return apply_filter();
}

std::vector<std::string> BondedDevice::follow(const ReceiveWishes& wishes) {
    wishes_ = wishes;
    return apply_filter();
}

Result<void> BondedDevice::set_mtu(std::uint32_t mtu) {
    if (lost_) return {};
    const int rc = rte_eth_dev_set_mtu(port_, static_cast<std::uint16_t>(mtu));
    if (rc == 0 || rc == -ENOTSUP) return {}; // what cannot be told has no limit of its own
    return Error{fmt::format("{}: it cannot take an MTU of {}: {}", config.device, mtu, reason(rc))};
}

MemberInfo BondedDevice::info() const {
    MemberInfo i;
    i.name = config.name;
    i.device = config.device;
    i.perm_mac = permanent_mac_;
    i.options = config.options;
    i.data.port = port_;
    i.data.rx_queues = static_cast<std::uint8_t>(std::min<unsigned>(rx_queues_, 255));
    i.data.tx_queues = static_cast<std::uint8_t>(std::min<unsigned>(tx_queues_, 255));
    i.data.first_worker = 0;
    i.data.kernel_socket = is_kernel_socket_driver(driver_);
    return i;
}

} // namespace dpdkbond

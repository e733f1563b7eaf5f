// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/net_dpdkbond/port.hpp"

#include <fmt/format.h>
#include <rte_log.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "dpdk/clock.hpp"
#include "drivers/registry.hpp"
#include "engine/lane_sums.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

constexpr unsigned kOwnBuffers = 1023;
// How long a stop waits for last words to leave, and for the application's threads to come out of a queue.
constexpr Duration kStopPatience = std::chrono::milliseconds(300);

} // namespace

BondPort::Running::Running(const BondConfig& config, std::uint16_t port, std::size_t rx, std::size_t tx,
                           rte_mempool* pool, int node)
    : control(Idle::adaptive, pool, fmt::format("-port{}", port)),
      core(config.name, *find_mode(config.mode), config.options, config.logical.mac, config.logical.mtu,
           grace, rx + tx, fmt::format("port{}", port)) {
    const std::optional<int> where = node < 0 ? std::nullopt : std::optional(node);
    const auto add = [&](std::size_t worker, std::size_t workers) -> Lane& {
        lanes.push_back(make_on_node<Lane>(where, static_cast<unsigned>(worker),
                                           static_cast<unsigned>(workers), core.publisher.slot(),
                                           LogicalQueue{}));
        core.lanes.push_back(lanes.back().get());
        return *lanes.back();
    };
    for (std::size_t q = 0; q < rx; ++q) add(q, rx).punted = core.punted[q].get();
    for (std::size_t q = 0; q < tx; ++q) {
        Lane& lane = add(q, tx + 1);
        lane.punted = core.punted[rx + q].get();
        lane.policy.random ^= static_cast<std::uint64_t>(to_ns(now())) + q;
    }
    add(tx, tx + 1).inject = &core.inject;
}

BondPort::BondPort(rte_eth_dev& dev, PortArgs args)
    : dev_(dev), node_(args.socket_id >= 0 ? args.socket_id : dev.data->numa_node),
      config_(std::move(args.bond)), mac_given_(config_.logical.mac.has_value()),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_ < 0) throw std::runtime_error("no descriptor is left");
    if (rte_eth_dev_owner_new(&owner_.id) != 0) throw std::runtime_error("ethdev gives no owner's number");
    fmt::format_to_n(owner_.name, sizeof owner_.name - 1, "{}", config_.name);
    for (const MemberConfig& m : config_.members) devices_.push_back(std::make_unique<BondedDevice>(m));
    past_.members.resize(devices_.size());
    cleared_.members.resize(devices_.size());
    last_status_.name = config_.name;
    last_status_.mode = config_.mode;
    for (const auto event : {RTE_ETH_EVENT_NEW, RTE_ETH_EVENT_DESTROY, RTE_ETH_EVENT_INTR_RMV})
        rte_eth_dev_callback_register(RTE_ETH_ALL, event, on_ethdev_event, this);
    for (auto& device : devices_)
        if (auto found = device->find(owner_); !found) throw std::runtime_error("member: " + found.error());
    own_mac_of_first();
}

BondPort::~BondPort() {
    stop();
    for (const auto event : {RTE_ETH_EVENT_NEW, RTE_ETH_EVENT_DESTROY, RTE_ETH_EVENT_INTR_RMV})
        while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, on_ethdev_event, this) == -EAGAIN)
            usleep(100);
    devices_.clear();
    rte_mempool_free(pool_);
    close(wake_);
}

// Until the bond has one, the port shows that of the first member, which it will lend.
void BondPort::own_mac_of_first() {
    Mac mac = config_.logical.mac.value_or(Mac{});
    for (const auto& device : devices_)
        if (mac.is_zero() && device->here()) {
            (void)device->find(owner_);
            mac = device->permanent_mac();
        }
    if (!mac.is_zero()) std::memcpy(dev_.data->mac_addrs[0].addr_bytes, mac.data(), RTE_ETHER_ADDR_LEN);
}

void BondPort::find_devices() {
    for (auto& device : devices_) {
        if (device->here() && !device->is_lost()) continue;
        const auto found = device->find(owner_);
        if (!found) log_port(LogLevel::error, fmt::format("{}: member: {}", config_.name, found.error()));
    }
}

int BondPort::configure() {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    find_devices();
    if (std::ranges::none_of(devices_, [](const auto& d) { return d->here() && !d->is_lost(); })) {
        log_port(LogLevel::error, fmt::format("{}: member: none of its members is here: {}", config_.name,
                                              devices_[0]->config.device));
        return -ENODEV;
    }
    own_mac_of_first();
    return 0;
}

int BondPort::set_rx_queue(std::uint16_t queue, std::uint16_t descriptors, const rte_eth_rxconf& conf,
                           rte_mempool* pool) {
    auto* q = new RxQueue; // ethdev frees the one before
    q->port = dev_.data->port_id;
    q->number = queue;
    q->pool = pool;
    q->descriptors = descriptors;
    q->conf = conf;
    dev_.data->rx_queues[queue] = q;
    return 0;
}

int BondPort::set_tx_queue(std::uint16_t queue, std::uint16_t descriptors, const rte_eth_txconf& conf) {
    auto* q = new TxQueue;
    q->number = queue;
    q->descriptors = descriptors;
    q->conf = conf;
    dev_.data->tx_queues[queue] = q;
    return 0;
}

DeviceSetup BondPort::device_setup() const {
    DeviceSetup setup;
    setup.conf = &dev_.data->dev_conf;
    for (const RxQueue* q : rx_) setup.rx.push_back({q->pool, q->descriptors, &q->conf});
    for (const TxQueue* q : tx_) setup.tx.push_back(q->descriptors);
    setup.mtu = config_.logical.mtu;
    return setup;
}

int BondPort::start() {
    Wanted wanted;
    const int rc = start_bond(wanted);
    if (rc == 0) tell_link(wanted); // what the application does when it hears of it may ask for anything
    return rc;
}

int BondPort::start_bond(Wanted& wanted) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    config_.logical.mtu = dev_.data->mtu;
    rx_.clear();
    tx_.clear();
    for (unsigned q = 0; q < dev_.data->nb_rx_queues; ++q)
        rx_.push_back(static_cast<RxQueue*>(dev_.data->rx_queues[q]));
    for (unsigned q = 0; q < dev_.data->nb_tx_queues; ++q)
        tx_.push_back(static_cast<TxQueue*>(dev_.data->tx_queues[q]));
    if (rx_.empty()) {
        log_port(
            LogLevel::error,
            fmt::format("{}: it has no receive queue; members need one for LACP and monitors", config_.name));
        return -EINVAL;
    }
    if (pool_ == nullptr)
        pool_ = rte_pktmbuf_pool_create(fmt::format("dpdkbond-port{}", dev_.data->port_id).c_str(),
                                        kOwnBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, node_);
    if (pool_ == nullptr) {
        log_port(LogLevel::error, fmt::format("{}: there is no memory for {} packet buffers of its own",
                                              config_.name, kOwnBuffers));
        return -ENOMEM;
    }
    find_devices();
    const DeviceSetup setup = device_setup();
    unsigned started = 0;
    for (auto& device : devices_) {
        if (!device->here() || device->is_lost()) {
            log_port(LogLevel::warning, fmt::format("{}: member {} is not here; it joins when it appears",
                                                    config_.name, device->config.device));
            continue;
        }
        if (auto done = device->start(setup); !done)
            log_port(LogLevel::error, fmt::format("{}: member {}", config_.name, done.error()));
        else
            ++started;
    }
    if (started == 0) return -ENODEV;
    BondConfig config = config_;
    if (!mac_given_) config.logical.mac.reset();
    try {
        running_ =
            std::make_unique<Running>(config, dev_.data->port_id, rx_.size(), tx_.size(), pool_, node_);
    } catch (const std::exception& e) {
        log_port(LogLevel::error, fmt::format("{}: {}", config_.name, e.what()));
        for (auto& device : devices_) device->stop();
        return -ENOMEM;
    }
    Running& r = *running_;
    std::vector<const Gate*> gates;
    for (std::size_t q = 0; q < rx_.size(); ++q) {
        rx_[q]->lane = r.lanes[q].get();
        rx_[q]->control = &r.control;
        gates.push_back(&rx_[q]->gate);
    }
    for (std::size_t q = 0; q < tx_.size(); ++q) {
        tx_[q]->lane = r.lanes[rx_.size() + q].get();
        tx_[q]->control = &r.control;
        gates.push_back(&tx_[q]->gate);
    }
    r.grace.watch(std::move(gates));
    rx_looks_.assign(rx_.size(), {});
    tx_looks_.assign(tx_.size(), {});
    next_look_ = {};
    r.control.set_bond(0, &r.core);
    at_work_ = &r;
    for (auto& device : devices_)
        if (device->started())
            if (auto joined = join(*device); !joined) {
                log_port(LogLevel::error,
                         fmt::format("{}: member {}: {}", config_.name, device->config.name, joined.error()));
                device->stop();
            }
    r.core.bond.set_filter(filter(), now());
    r.control.settle(0);
    wanted = r.core.bond.wanted();
    r.done = wanted;
    r.control.begin();
    start_threads();
    return 0;
}

Result<void> BondPort::join(BondedDevice& device) {
    Running& r = *running_;
    const LinkState link = device.read_link();
    std::optional<Result<Mac>> mac;
    r.control.call([&] { mac.emplace(r.core.bond.mac_to_join(device.permanent_mac())); });
    if (!*mac) return Error{mac->error()};
    const auto warning = device.wear_mac(mac->value());
    std::optional<Result<MemberId>> id;
    r.control.call([&] { id.emplace(r.core.bond.add_member(device.info(), link, now())); });
    if (!*id) return Error{id->error()};
    device.last_posted = link;
    device.report_interrupts_to(r.control, id->value());
    apply_macs();
    if (warning) warn(device.id, *warning);
    for (const std::string& what : device.follow(wishes())) warn(device.id, what);
    r.control.call([&] { r.core.bond.set_sorts_itself(device.id, device.sorts()); });
    return {};
}

// The device may be gone already: frames that workers still give to it are refused by ethdev.
void BondPort::part(BondedDevice& device) {
    Running& r = *running_;
    const MemberId id = device.id;
    if (id == kNoMember) return;
    add(past_.members[static_cast<std::size_t>(
            std::ranges::find(devices_, &device, [](const auto& d) { return d.get(); }) - devices_.begin())],
        sum_of_member(r.core, id));
    r.control.call([&] {
        r.core.bond.remove_member(id, now());
        r.control.settle(0);
    });
    for (const Time end = now() + kStopPatience; now() < end; usleep(100)) {
        bool seen = false;
        r.control.call([&] { seen = r.core.unpublished || !r.core.publisher.settled(); });
        if (!seen) break;
    }
    device.stop();
    apply_macs();
}

int BondPort::stop() {
    if (stop_bond()) tell_link({});
    return 0;
}

bool BondPort::stop_bond() {
    const std::lock_guard lock(mutex_);
    if (!running_) return false;
    Running& r = *running_;
    r.control.call([&] {
        for (const auto& device : devices_)
            if (device->id != kNoMember) r.core.bond.dismiss_member(device->id, now());
        r.control.settle(0);
    });
    for (const Time end = now() + kStopPatience; !r.core.inject.empty() && now() < end;) usleep(100);
    stop_threads();
    at_work_ = nullptr;
    const std::lock_guard devices(device_mutex_);
    // ethdev has taken the queues' functions away; a burst that has begun comes to its end.
    const Time end = now() + kStopPatience;
    const auto wait = [&](const Gate& gate) {
        for (; (gate.turn() & 1U) != 0 && now() < end;) usleep(50);
    };
    for (RxQueue* q : rx_) wait(q->gate);
    for (TxQueue* q : tx_) wait(q->gate);
    past_ = count();
    r.core.status.load(last_status_);
    last_status_.link_up = false;
    last_status_.health = Health::down;
    for (auto& m : last_status_.members) m.usable = m.carrier = false;
    r.control.set_bond(0, nullptr);
    for (auto& device : devices_) device->stop();
    for (RxQueue* q : rx_) {
        q->free_parked();
        q->lane = nullptr;
    }
    for (TxQueue* q : tx_) q->lane = nullptr;
    running_.reset();
    return true;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "embed/embedded_bond.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "dpdk/clock.hpp"
#include "drivers/registry.hpp"
#include "embed/own_pool.hpp"
#include "engine/lane_sums.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

constexpr unsigned kOwnBuffers = 1023;
// How long a stop waits for last words to leave, and for the application's threads to come out of a queue.
constexpr Duration kStopPatience = std::chrono::milliseconds(300);
// Of all ports: ethdev keeps what is registered for one even when another device has its number.
constexpr rte_eth_event_type kEvents[] = {RTE_ETH_EVENT_NEW, RTE_ETH_EVENT_DESTROY, RTE_ETH_EVENT_INTR_RMV,
                                          RTE_ETH_EVENT_INTR_LSC};

} // namespace

EmbeddedBond::Running::Running(const BondConfig& config, const std::string& tag, std::size_t rx,
                               std::size_t tx, rte_mempool* pool, int node)
    : control(Idle::adaptive, pool, "-" + tag),
      core(config.name, *find_mode(config.mode), config.options, config.logical.mac, config.logical.mtu,
           grace, rx + tx + 1, tag) {
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
    Lane& own = add(tx, tx + 1);
    own.inject = &core.inject;
    own.punted = core.punted[rx + tx].get();
}

EmbeddedBond::Running::~Running() { rte_pktmbuf_free_bulk(other.data(), others); }

EmbeddedBond::EmbeddedBond(Face& face, PortArgs args, int node, bool own_threads)
    : face_(face), node_(args.socket_id >= 0 ? args.socket_id : node), own_threads_(own_threads),
      config_(std::move(args.bond)), mac_given_(config_.logical.mac.has_value()),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_ < 0) throw std::runtime_error("no descriptor is left");
    if (rte_eth_dev_owner_new(&owner_.id) != 0) throw std::runtime_error("ethdev gives no owner's number");
    fmt::format_to_n(owner_.name, sizeof owner_.name - 1, "{}", config_.name);
    miimon_ = config_.options.miimon;
    for (const MemberConfig& m : config_.members)
        devices_.push_back(std::make_unique<BondedDevice>(m, face_));
    past_.members.resize(devices_.size());
    cleared_.members.resize(devices_.size());
    last_status_.name = config_.name;
    last_status_.mode = config_.mode;
    hears_events_.fetch_add(1, std::memory_order_release);
    for (const auto event : kEvents) rte_eth_dev_callback_register(RTE_ETH_ALL, event, on_ethdev_event, this);
    for (auto& device : devices_)
        if (auto found = device->find(owner_); !found) throw std::runtime_error("member: " + found.error());
    own_mac_of_first();
}

EmbeddedBond::~EmbeddedBond() {
    stop();
    for (const auto event : kEvents)
        while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, event, on_ethdev_event, this) == -EAGAIN)
            usleep(100);
    {
        const std::lock_guard list(list_mutex_); // what the last of them has seen
        devices_.clear();
    }
    give_up_own_pool(pool_);
    close(wake_);
}

// Until the bond has one, the port shows that of the first member, which it will lend.
void EmbeddedBond::own_mac_of_first() {
    Mac mac = config_.logical.mac.value_or(Mac{});
    for (const auto& device : devices_)
        if (mac.is_zero() && device->here()) mac = device->permanent_mac();
    if (!mac.is_zero()) face_.show_mac(mac);
}

void EmbeddedBond::find_devices() {
    for (auto& device : devices_) {
        if (device->here()) continue;
        const auto found = device->find(owner_);
        if (!found) log_line(LogLevel::error, fmt::format("{}: member: {}", config_.name, found.error()));
    }
}

int EmbeddedBond::configure(std::size_t sleeping) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    find_devices();
    if (std::ranges::none_of(devices_, [](const auto& d) { return d->here(); })) {
        log_line(LogLevel::error, fmt::format("{}: member: none of its members is here: {}", config_.name,
                                              devices_[0]->config.device));
        return -ENODEV;
    }
    for (const auto& device : devices_)
        if (sleeping != 0 && device->here() && !device->may_tell()) {
            log_line(
                LogLevel::error,
                fmt::format("{}: receive interrupts: member {} ({}) has none, nor a descriptor to wait on; "
                            "poll the bond's queues, or sleep between polls",
                            config_.name, device->config.name, device->driver()));
            return -ENOTSUP;
        }
    if (wakes_.size() != sleeping) {
        wakes_.clear();
        for (std::size_t q = 0; q < sleeping; ++q) wakes_.push_back(std::make_unique<RxWake>());
    }
    own_mac_of_first();
    return 0;
}

DeviceSetup EmbeddedBond::device_setup() const {
    DeviceSetup setup;
    setup.conf = setup_.conf;
    for (const RxQueue* q : rx_) setup.rx.push_back({q->pool, q->descriptors, &q->conf});
    for (const TxQueue* q : tx_) setup.tx.push_back(q->descriptors);
    setup.mtu = config_.logical.mtu;
    setup.rx_interrupts = !wakes_.empty();
    return setup;
}

int EmbeddedBond::start() {
    Wanted wanted;
    const int rc = start_bond(wanted);
    if (rc == 0) tell_link(wanted); // what the application does when it hears of it may ask for anything
    return rc;
}

int EmbeddedBond::start_bond(Wanted& wanted) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard devices(device_mutex_);
    if (running_) return 0;
    setup_ = face_.setup();
    config_.logical.mtu = setup_.mtu;
    rx_ = setup_.rx;
    tx_ = setup_.tx;
    if (rx_.empty()) {
        log_line(
            LogLevel::error,
            fmt::format("{}: it has no receive queue; members need one for LACP and monitors", config_.name));
        return -EINVAL;
    }
    if (pool_ == nullptr) pool_ = make_own_pool(face_.tag(), kOwnBuffers, node_);
    if (pool_ == nullptr) {
        log_line(LogLevel::error, fmt::format("{}: there is no memory for {} packet buffers of its own",
                                              config_.name, kOwnBuffers));
        return -ENOMEM;
    }
    find_devices();
    unsigned started = 0;
    for (auto& device : devices_) {
        if (!device->here()) {
            log_line(LogLevel::warning, fmt::format("{}: member {} is not here; it joins when it appears",
                                                    config_.name, device->config.device));
            continue;
        }
        if (auto done = start_device(*device); !done)
            log_line(LogLevel::error, fmt::format("{}: member {}", config_.name, done.error()));
        else
            ++started;
    }
    if (started == 0 && !face_.may_be_empty()) return -ENODEV;
    BondConfig config = config_;
    if (!mac_given_) config.logical.mac.reset();
    try {
        running_ = std::make_unique<Running>(config, face_.tag(), rx_.size(), tx_.size(), pool_, node_);
    } catch (const std::exception& e) {
        log_line(LogLevel::error, fmt::format("{}: {}", config_.name, e.what()));
        for (auto& device : devices_) stop_device(*device);
        return -ENOMEM;
    }
    Running& r = *running_;
    std::vector<const Gate*> gates;
    for (std::size_t q = 0; q < rx_.size(); ++q) {
        rx_[q]->use(r.lanes[q].get());
        rx_[q]->control = &r.control;
        gates.push_back(&rx_[q]->gate);
    }
    for (std::size_t q = 0; q < tx_.size(); ++q) {
        tx_[q]->use(r.lanes[rx_.size() + q].get());
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
                log_line(LogLevel::error,
                         fmt::format("{}: member {}: {}", config_.name, device->config.name, joined.error()));
                stop_device(*device);
            }
    r.core.bond.set_filter(filter(), now());
    r.control.settle(0);
    for (RxQueue* q : rx_) q->gate.open();
    for (TxQueue* q : tx_) q->gate.open();
    wanted = r.core.bond.wanted();
    r.done = wanted;
    if (own_threads_) {
        r.control.begin();
        start_threads();
    }
    return 0;
}

int EmbeddedBond::stop() {
    if (stop_bond()) tell_link({});
    return 0;
}

bool EmbeddedBond::stop_bond() {
    const std::lock_guard lock(mutex_);
    if (!running_) return false;
    Running& r = *running_;
    r.control.call([&] {
        r.core.bond.dismiss_all(now());
        r.control.settle(0);
    });
    for (const Time end = now() + kStopPatience; !r.core.inject.empty() && now() < end;) wait_a_moment();
    stop_threads();
    {
        const std::lock_guard list(list_mutex_);
        at_work_ = nullptr;
    }
    const std::lock_guard devices(device_mutex_);
    // A burst that has begun comes to its end, and none begins until the next start.
    const Time end = now() + kStopPatience;
    const auto shut = [&](Gate& gate) {
        while (!gate.close() && now() < end) usleep(50);
    };
    for (RxQueue* q : rx_) shut(q->gate);
    for (TxQueue* q : tx_) shut(q->gate);
    past_ = count();
    r.core.status.load(last_status_);
    last_status_.link_up = false;
    last_status_.health = Health::down;
    for (auto& m : last_status_.members) m.usable = m.carrier = false;
    r.control.set_bond(0, nullptr);
    for (auto& device : devices_) stop_device(*device);
    for (RxQueue* q : rx_) {
        q->free_parked();
        q->use(nullptr);
    }
    for (TxQueue* q : tx_) q->use(nullptr);
    running_.reset();
    return true;
}

} // namespace dpdkbond

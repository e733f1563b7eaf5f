// SPDX-License-Identifier: BSD-3-Clause
// What the port's own threads do while it runs.
#include <fmt/format.h>
#include <poll.h>
#include <rte_log.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "datapath/rx_engine.hpp"
#include "dpdk/clock.hpp"
#include "drivers/net_dpdkbond/port.hpp"
#include "engine/wear_macs.hpp"
#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

// So often control looks whether the application polls; and so long without a burst it is absent.
constexpr Duration kLook = std::chrono::milliseconds(10);
constexpr Duration kAbsent = std::chrono::milliseconds(100);
constexpr std::uint32_t kSlowPollMs = 100;
constexpr Duration kSearch = std::chrono::seconds(1); // for members that are not here

} // namespace

void BondPort::start_threads() {
    host_stop_ = false;
    const std::string name = fmt::format("bond-port{}", dev_.data->port_id);
    threads_ = dpdk::start_thread(control_thread_, name.c_str(), control_entry, this);
    if (threads_ && !dpdk::start_thread(host_thread_, (name + "h").c_str(), host_entry, this)) {
        running_->control.stop();
        dpdk::join_thread(control_thread_);
        threads_ = false;
    }
    if (!threads_) {
        running_->control.end();
        log_port(LogLevel::error,
                 fmt::format("{}: no thread could be started: nothing monitors its members", config_.name));
    }
}

void BondPort::stop_threads() {
    if (!threads_) return;
    host_stop_ = true;
    wake_host();
    dpdk::join_thread(host_thread_); // what it waits for control does meanwhile
    running_->control.stop();
    dpdk::join_thread(control_thread_);
    running_->control.end();
    threads_ = false;
}

dpdk::ThreadResult BondPort::control_entry(void* self) {
    auto& port = *static_cast<BondPort*>(self);
    port.running_->control.run([&] { return port.look_after_queues(); });
    return dpdk::kThreadDone;
}

// Control's frames leave; and where the application has not been for a while its part is done for it.
Time BondPort::look_after_queues() {
    Running& r = *at_work_.load(std::memory_order_relaxed);
    while (inject(r.own(), r.core.seen()) != 0) {
    }
    const Time at = now();
    if (at < next_look_) return next_look_;
    next_look_ = at + kLook;
    const auto absent = [&](QueueLook& look, const Gate& gate) {
        const std::uint32_t turn = gate.turn();
        if (turn != look.turn || look.since == Time{}) look = {turn, at};
        return at - look.since >= kAbsent;
    };
    for (std::size_t q = 0; q < rx_.size(); ++q) {
        if (!absent(rx_looks_[q], rx_[q]->gate) || !rx_[q]->gate.close()) continue;
        rx_[q]->receive_for_absent();
        rx_[q]->gate.open();
    }
    for (std::size_t q = 0; q < tx_.size(); ++q) {
        if (!tx_[q]->holds.load(std::memory_order_relaxed)) continue;
        if (!absent(tx_looks_[q], tx_[q]->gate) || !tx_[q]->gate.close()) continue;
        tx_[q]->release();
        tx_[q]->gate.open();
    }
    return next_look_;
}

dpdk::ThreadResult BondPort::host_entry(void* self) {
    static_cast<BondPort*>(self)->host();
    return dpdk::kThreadDone;
}

void BondPort::wake_host() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void BondPort::host() {
    Control& control = running_->control;
    while (!host_stop_.load()) {
        std::uint32_t poll_ms =
            config_.options.miimon != 0 ? std::min(config_.options.miimon, kSlowPollMs) : kSlowPollMs;
        pollfd fds[] = {{control.outbox_event(), POLLIN, 0}, {wake_, POLLIN, 0}};
        poll(fds, 2, static_cast<int>(poll_ms));
        std::uint64_t count = 0;
        [[maybe_unused]] ssize_t got = read(control.outbox_event(), &count, sizeof count);
        got = read(wake_, &count, sizeof count);
        Notice notice;
        while (control.take_notice(notice)) hear(notice);
        const Time at = now();
        if (at - last_poll_ >= std::chrono::milliseconds(poll_ms) - std::chrono::microseconds(500)) {
            last_poll_ = at;
            look_at_links();
        }
        if (someone_left_.exchange(false) || at - last_search_ >= kSearch) {
            last_search_ = at;
            look_for_devices();
        }
    }
    Notice notice;
    while (control.take_notice(notice)) hear(notice);
}

void BondPort::look_at_links() {
    const std::lock_guard lock(device_mutex_);
    for (auto& device : devices_) {
        if (device->id == kNoMember) continue;
        const LinkState link = device->read_link();
        if (link != device->last_posted && running_->control.post_link(0, device->id, link))
            device->last_posted = link;
    }
}

// Members that have gone leave the bond, such as have come join it.
void BondPort::look_for_devices() {
    const std::lock_guard lock(device_mutex_);
    for (auto& device : devices_) {
        if (device->is_lost() && device->id != kNoMember) {
            warn(device->id, fmt::format("its device {} has gone", device->config.device));
            part(*device);
            device->close_if_removed();
            continue;
        }
        if (device->started()) continue;
        const auto found = device->find(owner_);
        if (!found || !found.value()) continue;
        Result<void> done = device->start(device_setup());
        if (done) done = join(*device);
        if (done) continue;
        device->stop();
        if (device->refused != done.error())
            log_port(LogLevel::error, fmt::format("{}: member {}", config_.name, done.error()));
        device->refused = done.error();
    }
}

void BondPort::hear(const Notice& notice) {
    if (notice.kind == Notice::Kind::wanted) {
        carry_out(notice.wanted);
        return;
    }
    const Event& e = notice.event;
    log_port(e.kind == EventKind::warning ? LogLevel::warning : LogLevel::info, event_text(config_.name, e));
    const std::lock_guard lock(history_mutex_);
    history_.add(e, wall_ns(e.at));
}

void BondPort::carry_out(const Wanted& wanted) {
    const Wanted before = running_->done.value_or(Wanted{});
    running_->done = wanted;
    if (wanted.macs != before.macs) {
        const std::lock_guard lock(device_mutex_);
        apply_macs();
    }
    if (wanted.carrier != before.carrier || wanted.speed_mbps != before.speed_mbps) tell_link(wanted);
}

void BondPort::tell_link(const Wanted& wanted) {
    rte_eth_link link{};
    link.link_status = wanted.carrier ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
    link.link_speed = !wanted.carrier          ? RTE_ETH_SPEED_NUM_NONE
                      : wanted.speed_mbps != 0 ? wanted.speed_mbps
                                               : static_cast<std::uint32_t>(RTE_ETH_SPEED_NUM_UNKNOWN);
    link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
    link.link_autoneg = RTE_ETH_LINK_AUTONEG;
    rte_eth_link before{};
    rte_eth_linkstatus_get(&dev_, &before);
    rte_eth_linkstatus_set(&dev_, &link);
    if (std::memcmp(&before, &link, sizeof link) != 0)
        rte_eth_dev_callback_process(&dev_, RTE_ETH_EVENT_INTR_LSC, nullptr);
}

void BondPort::note(EventKind kind, MemberId member, const std::string& what) {
    if (Running* r = at_work_) r->control.call([&] { r->core.bond.note(kind, member, what, now()); });
}

void BondPort::apply_macs() {
    Running& r = *running_;
    MacPlan plan;
    r.control.call([&] { plan = r.core.bond.mac_plan(); });
    wear_macs(plan, devices_, [this](MemberId member, const std::string& what) { warn(member, what); });
    if (!plan.bond.is_zero())
        std::memcpy(dev_.data->mac_addrs[0].addr_bytes, plan.bond.data(), RTE_ETHER_ADDR_LEN);
    r.control.call([&] { r.core.bond.macs_applied(plan.version, now()); });
}

// Runs on whatever thread makes or closes a device, or on EAL's interrupt thread.
int BondPort::on_ethdev_event(std::uint16_t id, rte_eth_event_type event, void* self, void*) {
    auto& port = *static_cast<BondPort*>(self);
    if (id == port.dev_.data->port_id) return 0;
    for (auto& device : port.devices_) {
        if (event == RTE_ETH_EVENT_NEW) {
            const auto taken = device->appeared(id, port.owner_);
            if (!taken)
                log_port(LogLevel::error, fmt::format("{}: member: {}", port.config_.name, taken.error()));
        } else if (device->here() && device->port() == id) {
            device->lost(event == RTE_ETH_EVENT_INTR_RMV);
            port.someone_left_ = true;
            port.wake_host();
        }
    }
    return 0;
}

} // namespace dpdkbond

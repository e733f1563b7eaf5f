// SPDX-License-Identifier: BSD-3-Clause
// What the port's own threads do while it runs.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "datapath/rx_engine.hpp"
#include "dpdk/clock.hpp"
#include "embed/embedded_bond.hpp"
#include "engine/wear_macs.hpp"
#include "ops/wall_clock.hpp"

namespace dpdkbond {

namespace {

// So long without a burst the application is absent.
constexpr Duration kAbsent = std::chrono::milliseconds(100);
constexpr std::uint32_t kSlowPollMs = 100;
constexpr Duration kSearch = std::chrono::seconds(1); // for members that are not here
// So long a device that the application has just made is left alone: whoever attaches one may set it up
// before looking whose it is (testpmd ends when it finds it configured then).
constexpr Duration kSettle = std::chrono::milliseconds(500);
constexpr Duration kPatience = std::chrono::milliseconds(300); // with threads that use what has gone

} // namespace

void EmbeddedBond::start_threads() {
    host_stop_ = false;
    const std::string name = "bond-" + face_.tag();
    threads_ = dpdk::start_thread(control_thread_, name.c_str(), control_entry, this);
    if (threads_ && !dpdk::start_thread(host_thread_, (name + "h").c_str(), host_entry, this)) {
        running_->control.stop();
        dpdk::join_thread(control_thread_);
        threads_ = false;
    }
    if (!threads_) {
        running_->control.end();
        log_line(LogLevel::error,
                 fmt::format("{}: no thread could be started: nothing monitors its members", config_.name));
    }
}

void EmbeddedBond::stop_threads() {
    if (!threads_) return;
    host_stop_ = true;
    wake_host();
    dpdk::join_thread(host_thread_); // what it waits for control does meanwhile
    running_->control.stop();
    dpdk::join_thread(control_thread_);
    running_->control.end();
    threads_ = false;
}

dpdk::ThreadResult EmbeddedBond::control_entry(void* self) {
    auto& port = *static_cast<EmbeddedBond*>(self);
    port.running_->control.run([&] { return port.look_after_queues(); });
    return dpdk::kThreadDone;
}

// Control's frames leave; and where the application has not been for a while its part is done for it.
Time EmbeddedBond::look_after_queues() {
    Running& r = *at_work_.load(std::memory_order_relaxed);
    while (inject(r.own(), r.core.seen()) != 0) {
    }
    const Time at = now();
    if (at < next_look_) return next_look_;
    next_look_ = at + kLook;
    hear_slow_queues();
    const auto absent = [&](QueueLook& look, const Gate& gate) {
        const std::uint32_t turn = gate.turn();
        if (turn != look.turn || look.since == Time{}) look = {turn, at};
        return at - look.since >= kAbsent;
    };
    for (std::size_t q = 0; q < rx_.size(); ++q) {
        RxWake* const wake = wake_of(q);
        // Whoever has been rung for what lies there already is about to take it, and finds a queue that is
        // kept from him empty.
        const bool asleep = wake != nullptr && wake->needs_looks() && !rx_[q]->has_parked();
        if ((!absent(rx_looks_[q], rx_[q]->gate) && !asleep) || !rx_[q]->gate.close()) continue;
        const unsigned parked = rx_[q]->receive_for_absent();
        rx_[q]->gate.open();
        if (parked != 0 && wake != nullptr) wake->ring();
    }
    for (std::size_t q = 0; q < tx_.size(); ++q) {
        if (!tx_[q]->holds.load(std::memory_order_relaxed)) continue;
        if (!absent(tx_looks_[q], tx_[q]->gate) || !tx_[q]->gate.close()) continue;
        tx_[q]->release();
        tx_[q]->gate.open();
    }
    return next_look_;
}

// What members' hardware has put aside for control.
void EmbeddedBond::hear_slow_queues() {
    constexpr unsigned kAtOnce = 256; // of each member
    Running& r = *at_work_.load(std::memory_order_relaxed);
    Lane& own = r.own();
    const Snapshot& s = r.core.seen();
    rte_mbuf* frames[kBurst];
    for (unsigned k = 0; k < s.rx_count; ++k) {
        const MemberId id{s.rx[k].id};
        const Running::SlowQueue slow = r.slow_queues[id];
        if (slow.queue == 0 || s.member[id.value].port != slow.port) continue;
        std::uint16_t n = kBurst;
        for (unsigned seen = 0; n == kBurst && seen < kAtOnce && r.others <= kBurst; seen += n) {
            n = rte_eth_rx_burst(slow.port, slow.queue, frames, kBurst);
            const std::uint16_t stay = n == 0 ? std::uint16_t{0} : take_in(own, s, id.value, frames, n);
            std::copy_n(frames, stay, r.other.begin() + r.others);
            r.others = static_cast<std::uint16_t>(r.others + stay);
        }
    }
    if (std::exchange(own.bell, false)) r.control.ring_bell();
    if (r.others == 0 || !rx_[0]->gate.close()) return; // or at the next look
    const bool kept = rx_[0]->park(own, r.other.data(), std::exchange(r.others, std::uint16_t{0})) != 0;
    rx_[0]->gate.open();
    if (RxWake* const wake = wake_of(0); kept && wake != nullptr) wake->ring();
}

dpdk::ThreadResult EmbeddedBond::host_entry(void* self) {
    static_cast<EmbeddedBond*>(self)->host();
    return dpdk::kThreadDone;
}

void EmbeddedBond::wake_host() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof one);
}

void EmbeddedBond::host() {
    Control& control = running_->control;
    while (!host_stop_.load()) {
        pollfd fds[] = {{control.outbox_event(), POLLIN, 0}, {wake_, POLLIN, 0}};
        poll(fds, 2, static_cast<int>(poll_ms()));
        std::uint64_t count = 0;
        [[maybe_unused]] ssize_t got = read(control.outbox_event(), &count, sizeof count);
        got = read(wake_, &count, sizeof count);
        host_round();
    }
    Notice notice;
    while (control.take_notice(notice)) hear(notice);
}

std::uint32_t EmbeddedBond::poll_ms() const {
    const std::uint32_t miimon = miimon_.load(std::memory_order_relaxed);
    return miimon != 0 ? std::min(miimon, kSlowPollMs) : kSlowPollMs;
}

void EmbeddedBond::host_round() {
    Notice notice;
    while (running_->control.take_notice(notice)) hear(notice);
    const Time at = now();
    if (at - last_poll_ >= std::chrono::milliseconds(poll_ms()) - std::chrono::microseconds(500)) {
        last_poll_ = at;
        look_at_links();
    }
    if (someone_left_.exchange(false) || at >= next_search_) next_search_ = look_for_devices(at);
}

Time EmbeddedBond::step(Time at) {
    std::vector<std::pair<Event, std::int64_t>> told;
    Time next = kNever;
    {
        const std::lock_guard lock(mutex_);
        if (!running_ || own_threads_) return kNever;
        Control& control = running_->control;
        control.serve(at);
        next = std::min(
            {control.deadline(), look_after_queues(), last_poll_ + std::chrono::milliseconds(poll_ms())});
        host_round();
        told.swap(untold_);
    }
    for (const auto& [event, wall] : told) face_.tell(event, wall); // it may ask for anything
    return std::max(next, at);
}

void EmbeddedBond::look_at_links() {
    const std::lock_guard lock(device_mutex_);
    for (auto& device : devices_) {
        if (device->id == kNoMember) continue;
        const LinkState link = device->read_link();
        if (link != device->last_posted && running_->control.post_link(0, device->id, link))
            device->last_posted = link;
    }
}

// Members that have gone leave the bond, such as have come join it. Returns when to look again.
Time EmbeddedBond::look_for_devices(Time at) {
    Time next = at + kSearch;
    const std::lock_guard lock(device_mutex_);
    for (auto& device : devices_) {
        if (device->is_lost() && device->id != kNoMember) {
            warn(device->id, fmt::format("its device {} has gone", device->config.device));
            part(*device, kPatience);
            device->close_if_removed();
            continue;
        }
        if (device->started()) continue;
        const auto found = device->find(owner_);
        if (!found || !found.value()) continue;
        if (const Time settled = device->here_since() + kSettle; at < settled) {
            next = std::min(next, settled);
            continue;
        }
        Result<void> done = start_device(*device);
        if (done) done = join(*device);
        if (done) continue;
        stop_device(*device);
        if (device->refused != done.error())
            log_line(LogLevel::error, fmt::format("{}: member {}", config_.name, done.error()));
        device->refused = done.error();
    }
    return next;
}

void EmbeddedBond::hear(const Notice& notice) {
    if (notice.kind == Notice::Kind::wanted) {
        carry_out(notice.wanted);
        return;
    }
    const Event& e = notice.event;
    log_line(e.kind == EventKind::warning ? LogLevel::warning : LogLevel::info, event_text(config_.name, e));
    const std::int64_t wall = wall_ns(e.at);
    {
        const std::lock_guard lock(history_mutex_);
        history_.add(e, wall);
    }
    if (own_threads_)
        face_.tell(e, wall);
    else
        untold_.emplace_back(e, wall);
}

void EmbeddedBond::carry_out(const Wanted& wanted) {
    const Wanted before = running_->done.value_or(Wanted{});
    running_->done = wanted;
    if (wanted.macs != before.macs) {
        const std::lock_guard lock(device_mutex_);
        apply_macs();
    }
    if (wanted.carrier != before.carrier || wanted.speed_mbps != before.speed_mbps) tell_link(wanted);
}

void EmbeddedBond::tell_link(const Wanted& wanted) {
    rte_eth_link link{};
    link.link_status = wanted.carrier ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
    link.link_speed = !wanted.carrier          ? RTE_ETH_SPEED_NUM_NONE
                      : wanted.speed_mbps != 0 ? wanted.speed_mbps
                                               : static_cast<std::uint32_t>(RTE_ETH_SPEED_NUM_UNKNOWN);
    link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
    link.link_autoneg = RTE_ETH_LINK_AUTONEG;
    face_.show_link(link);
}

void EmbeddedBond::note(EventKind kind, MemberId member, const std::string& what) {
    if (Running* r = at_work_) r->control.call([&] { r->core.bond.note(kind, member, what, now()); });
}

void EmbeddedBond::apply_macs() {
    Running& r = *running_;
    MacPlan plan;
    r.control.call([&] { plan = r.core.bond.mac_plan(); });
    wear_macs(plan, devices_, [this](MemberId member, const std::string& what) { warn(member, what); });
    if (!plan.bond.is_zero()) face_.show_mac(plan.bond);
    r.control.call([&] { r.core.bond.macs_applied(plan.version, now()); });
}

// A link interrupt, on EAL's interrupt thread or the driver's own. The driver is asked with no lock held.
void EmbeddedBond::hear_link(std::uint16_t port) {
    const auto member = [&] { // list_mutex_ is held
        for (const auto& device : devices_)
            if (device->takes(port)) return device->reports_interrupts_of();
        return kNoMember;
    };
    MemberId id = kNoMember;
    {
        const std::lock_guard list(list_mutex_);
        id = member();
    }
    if (id == kNoMember) return;
    const std::optional<LinkState> link = link_of(port);
    const std::lock_guard list(list_mutex_);
    if (Running* const r = at_work_; r != nullptr && link && member() == id)
        r->control.post_link(0, id, *link);
}

// Runs on whatever thread makes or closes a device, or on EAL's interrupt thread.
int EmbeddedBond::on_ethdev_event(std::uint16_t id, rte_eth_event_type event, void* self, void*) {
    (void)hears_events_.load(std::memory_order_acquire);
    auto& bond = *static_cast<EmbeddedBond*>(self);
    if (id == bond.face_.port()) return 0;
    if (event == RTE_ETH_EVENT_INTR_LSC) {
        bond.hear_link(id);
        return 0;
    }
    const std::lock_guard list(bond.list_mutex_);
    for (auto& device : bond.devices_) {
        if (event == RTE_ETH_EVENT_NEW) {
            const auto taken = device->appeared(id, bond.face_.name_of_new(id), bond.owner_);
            if (!taken)
                log_line(LogLevel::error, fmt::format("{}: member: {}", bond.config_.name, taken.error()));
        } else if (device->takes(id)) {
            device->lost(event == RTE_ETH_EVENT_INTR_RMV);
            bond.someone_left_ = true;
            bond.wake_host();
        }
    }
    return 0;
}

} // namespace dpdkbond

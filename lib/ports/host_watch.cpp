// SPDX-License-Identifier: BSD-3-Clause
#include "ports/host_watch.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <utility>

#include "dpdk/clock.hpp"
#include "host/log.hpp"

namespace dpdkbond {

namespace {

// Netdevs whose carrier events the kernel holds back are looked at this often: a cut must not cost 5 ms.
constexpr std::uint32_t kLaggingPollMs = 2;
constexpr std::uint32_t kSlowPollMs = 100;
constexpr unsigned kRoutesEvery = 10; // slow polls

// All that would end the program, but for what is a fault of its own.
sigset_t heard_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
                             SIGXCPU, SIGXFSZ, SIGPWR, SIGSTKFLT, SIGTRAP, SIGSYS, SIGPIPE, SIGIO})
        sigaddset(&set, number);
    for (int s = SIGRTMIN; s <= SIGRTMAX; ++s) sigaddset(&set, s);
    return set;
}

// A writer whose reader is gone gives itself SIGPIPE, and net_tap asks the kernel for a signal a packet (the
// first real-time signal that is free, or SIGIO; see ports/tap_signals.hpp). Those are nobody's wish.
bool is_sent_by_somebody(const signalfd_siginfo& info) {
    if (info.ssi_code != SI_USER && info.ssi_code != SI_QUEUE && info.ssi_code != SI_TKILL)
        return info.ssi_signo != SIGIO && info.ssi_signo < static_cast<unsigned>(SIGRTMIN);
    return info.ssi_signo != SIGPIPE || info.ssi_pid != static_cast<unsigned>(getpid());
}

} // namespace

void block_signals() {
    const sigset_t set = heard_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

HostWatch::HostWatch(Control& control, Hooks hooks)
    : control_(control), hooks_(std::move(hooks)), logical_(control),
      timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      end_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    const sigset_t set = heard_signals();
    signals_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (timer_ < 0 || end_ < 0 || signals_ < 0)
        throw std::runtime_error("no descriptors left for timer and signals");
    auto netlink = NetlinkWatcher::open(
        {[this](const LinkEvent& e) { on_link(e); }, [this](const AddressEvent& e) { logical_.handle(e); },
         [this] { logical_.reread(); }, [this](int nsid) { logical_.forget_namespace(nsid); },
         [this](const ForwardingEvent& e) { logical_.handle(e); }});
    if (!netlink) throw std::runtime_error(netlink.error());
    netlink_.emplace(std::move(netlink).value());
    hear_netlink(netlink_->resync()); // what was there before: all of it after a warm restart
    logical_.set_tells_groups(netlink_->tells_groups());
}

HostWatch::~HostWatch() {
    stop();
    close(timer_);
    close(signals_);
    close(end_);
}

void HostWatch::start() {
    thread_ = std::thread([this] { run(); });
}

void HostWatch::stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(end_, &one, sizeof one);
    thread_.join();
}

void HostWatch::watch_member(std::uint32_t bond, MemberPort& member) {
    {
        const std::lock_guard lock(mutex_);
        members_.push_back({bond, &member});
        look_at(members_.back());
    }
    logical_.add_member(bond, member);
    arm_timer();
}

void HostWatch::forget_member(MemberPort& member) {
    logical_.remove_member(member);
    const std::lock_guard lock(mutex_);
    std::erase_if(members_, [&](const Watched& w) { return w.member == &member; });
}

void HostWatch::watch_logical(std::uint32_t bond, const LogicalPort& port, std::uint32_t mtu,
                              std::uint32_t max_mtu) {
    logical_.watch(bond, port, mtu, max_mtu);
}

void HostWatch::forget_logical(std::uint32_t bond) {
    logical_.forget(bond);
    {
        const std::lock_guard lock(mutex_);
        miimon_.erase(bond);
    }
    arm_timer();
}

void HostWatch::set_options(std::uint32_t bond, const BondOptions& options) {
    std::vector<IpPrefix> targets;
    if (options.arp_interval != 0) {
        for (const Ipv4& t : options.arp_ip_target)
            targets.push_back({.is_v6 = false, .v4 = t, .length = 32});
        for (const Ipv6& t : options.ns_ip6_target)
            targets.push_back({.is_v6 = true, .v6 = t, .length = 128});
    }
    logical_.set_targets(bond, std::move(targets));
    {
        const std::lock_guard lock(mutex_);
        miimon_[bond] = options.miimon;
    }
    arm_timer();
}

std::uint32_t HostWatch::full_poll_ms() const {
    std::uint32_t ms = kSlowPollMs;
    for (const auto& [bond, miimon] : miimon_)
        if (miimon != 0) ms = std::min(ms, miimon);
    return ms;
}

void HostWatch::arm_timer() {
    std::uint32_t ms = 0;
    {
        const std::lock_guard lock(mutex_);
        ms = full_poll_ms();
        for (const Watched& w : members_)
            if (w.member->netdev_lags) ms = std::min(ms, kLaggingPollMs);
    }
    itimerspec spec{};
    spec.it_interval = {0, static_cast<long>(ms) * 1'000'000};
    spec.it_value = spec.it_interval;
    timerfd_settime(timer_, 0, &spec, nullptr);
}

void HostWatch::look_at(const Watched& w) {
    const LinkState link = w.member->read_link();
    w.member->show_carrier(link.carrier);
    if (link == w.member->last_posted) return;
    if (control_.post_link(w.bond, w.member->id, link)) w.member->last_posted = link;
}

bool HostWatch::carrier_changed(MemberPort& member) {
    const Time began = now();
    const bool changed = member.carrier_changed();
    pace_.took(began, now());
    return changed;
}

void HostWatch::on_tick() {
    std::uint64_t ticks = 0;
    [[maybe_unused]] const ssize_t got = read(timer_, &ticks, sizeof ticks);
    const std::lock_guard lock(mutex_);
    const Time at = now();
    const std::uint32_t poll_ms = full_poll_ms();
    const bool full =
        at - last_full_poll_ >= std::chrono::milliseconds(poll_ms) - std::chrono::microseconds(500);
    const bool slow = at - last_slow_poll_ >= std::chrono::milliseconds(kSlowPollMs);
    if (full) last_full_poll_ = at;
    if (slow) last_slow_poll_ = at;
    if (slow) doubt_.arm(); // so often at most
    if (slow && ++slow_polls_ % kRoutesEvery == 0) logical_.look_at_routes();
    for (const Watched& w : members_) {
        if (full || (w.member->netdev_lags && pace_.due(at) && carrier_changed(*w.member))) look_at(w);
        if (slow) hooks_.on_poll(w.bond, *w.member);
    }
}

void HostWatch::on_link(const LinkEvent& link) {
    logical_.handle(link);
    if (link.nsid != kOwnNamespace) return;
    {
        const std::lock_guard lock(mutex_);
        for (const Watched& w : members_) {
            if (const std::string what = w.member->heard(link); !what.empty())
                control_.warn(w.bond, w.member->id, what, EventKind::device_changed);
            if (const std::string what = w.member->heard_of_change(link); !what.empty())
                control_.warn(w.bond, w.member->id, what);
            if (w.member->drives(link)) look_at(w);
        }
    }
    if (hooks_.on_netdev) hooks_.on_netdev(link);
}

void HostWatch::hear_control() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(control_.outbox_event(), &count, sizeof count);
    Notice notice;
    while (control_.take_notice(notice)) hooks_.on_notice(notice);
}

void HostWatch::hear_netlink(const Result<void>& done) {
    const std::string trouble = done ? "" : done.error();
    if (std::exchange(netlink_trouble_, trouble) != trouble && !done) log_line("rtnetlink: " + trouble);
}

void HostWatch::run() {
    pthread_setname_np(pthread_self(), "bond-host");
    arm_timer();
    for (;;) {
        pollfd fds[] = {{netlink_->fd(), POLLIN, 0},          {timer_, POLLIN, 0}, {signals_, POLLIN, 0},
                        {control_.outbox_event(), POLLIN, 0}, {end_, POLLIN, 0},   {doubt_.fd(), POLLIN, 0}};
        if (poll(fds, 6, -1) < 0) continue;
        if (fds[0].revents != 0 || netlink_->behind())
            hear_netlink(netlink_->dispatch()); // what failed is tried again at each tick
        if (fds[1].revents != 0) on_tick();
        if (fds[2].revents != 0) {
            signalfd_siginfo info;
            while (read(signals_, &info, sizeof info) == sizeof info)
                if (is_sent_by_somebody(info))
                    hooks_.on_signal(static_cast<int>(info.ssi_signo), info.ssi_pid);
        }
        if (fds[3].revents != 0) hear_control();
        if (fds[4].revents != 0) break;
        if (fds[5].revents != 0) {
            doubt_.hear();
            logical_.reread();
        }
        logical_.settle();
    }
    hear_control();
}

} // namespace dpdkbond

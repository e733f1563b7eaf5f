// SPDX-License-Identifier: BSD-3-Clause
#include "embed/rx_wake.hpp"

#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace dpdkbond {

RxWake::RxWake() : epoll_(epoll_create1(EPOLL_CLOEXEC)), bell_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    bell_event_.epdata.event = EPOLLIN;
    if (!epoll_ || !bell_ || rte_epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &bell_event_) != 0)
        throw std::runtime_error("no descriptor is left for its receive interrupts");
}

RxWake::~RxWake() {
    while (!watched_.empty()) remove(watched_.back()->port);
}

void RxWake::ring() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(bell_.get(), &one, sizeof one);
}

void RxWake::add(std::uint16_t port, std::uint16_t queue, const RxSource& source) {
    const std::lock_guard lock(mutex_);
    const auto watch = [&](RxSource::Kind kind, int fd) -> Watched& {
        watched_.push_back(std::make_unique<Watched>(Watched{port, queue, kind, fd, source.exact, {}}));
        return *watched_.back();
    };
    RxSource::Kind kind = source.kind;
    if (kind == RxSource::Kind::interrupt) {
        Watched& w = watch(kind, -1);
        w.exact = true;
        if (rte_eth_dev_rx_intr_ctl_q(port, queue, epoll_.get(), RTE_INTR_EVENT_ADD, &w) == 0) {
            if (armed_) rte_eth_dev_rx_intr_enable(port, queue);
        } else {
            watched_.pop_back();
            kind = RxSource::Kind::none;
        }
    } else if (kind == RxSource::Kind::sockets) {
        bool any = false;
        for (const int fd : source.sockets) {
            Watched& w = watch(kind, fd);
            w.event.epdata.event = EPOLLIN;
            w.event.epdata.data = &w;
            if (rte_epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &w.event) == 0)
                any = true;
            else
                watched_.pop_back();
        }
        if (!any) kind = RxSource::Kind::none;
    }
    if (kind == RxSource::Kind::none) {
        watch(kind, -1);
        silent_.fetch_add(1);
    }
    ring();
}

void RxWake::remove(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    std::erase_if(watched_, [&](const auto& w) {
        if (w->port != port) return false;
        if (w->kind == RxSource::Kind::interrupt) {
            rte_eth_dev_rx_intr_disable(port, w->queue);
            rte_eth_dev_rx_intr_ctl_q(port, w->queue, epoll_.get(), RTE_INTR_EVENT_DEL, w.get());
        } else if (w->kind == RxSource::Kind::sockets) {
            epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, w->fd, nullptr); // it may be closed already
        } else {
            silent_.fetch_sub(1);
        }
        return true;
    });
    ring();
}

// Interrupts are edges, so that what is taken here has to be told by the caller. A socket whose link went
// down reports an error, which reading clears.
bool RxWake::take_events() {
    bool frames = false;
    rte_epoll_event events[32];
    const int n = rte_epoll_wait(epoll_.get(), events, 32, 0); // reads counters as each driver wants it
    for (int i = 0; i < n; ++i) {
        const auto* const w = static_cast<const Watched*>(events[i].epdata.data);
        if (w == nullptr) {
            std::uint64_t count = 0;
            [[maybe_unused]] const ssize_t got = read(bell_.get(), &count, sizeof count);
            continue;
        }
        if ((events[i].epdata.event & EPOLLERR) != 0 && w->fd >= 0) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        }
        if ((events[i].epdata.event & EPOLLIN) != 0 && w->exact) frames = true;
    }
    return frames;
}

void RxWake::put_interrupts(bool on) {
    for (const auto& w : watched_) {
        if (w->kind != RxSource::Kind::interrupt) continue;
        if (on)
            rte_eth_dev_rx_intr_enable(w->port, w->queue);
        else
            rte_eth_dev_rx_intr_disable(w->port, w->queue);
    }
}

bool RxWake::prepare() {
    const std::lock_guard lock(mutex_);
    const bool frames = take_events();
    armed_ = true;
    put_interrupts(true);
    return frames;
}

void RxWake::disarm() {
    const std::lock_guard lock(mutex_);
    armed_ = false;
    put_interrupts(false);
    (void)take_events();
}

} // namespace dpdkbond

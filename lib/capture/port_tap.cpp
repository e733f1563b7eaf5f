// SPDX-License-Identifier: BSD-3-Clause
#include "capture/port_tap.hpp"

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <cstring>
#include <numeric>

#include "dpdk/clock.hpp"

namespace dpdkbond {

namespace {

void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

bool copy_frame(RecordRing& ring, const TappedFrame& head, const rte_mbuf* m) noexcept {
    std::byte* to = ring.reserve(sizeof head + head.length);
    if (to == nullptr) return false;
    std::memcpy(to, &head, sizeof head);
    to += sizeof head;
    for (; m != nullptr; m = m->next) {
        std::memcpy(to, rte_pktmbuf_mtod(m, const std::byte*), m->data_len);
        to += m->data_len;
    }
    ring.commit();
    return true;
}

} // namespace

TapRings::TapRings(std::size_t bytes_each) {
    unsigned lcore;
    RTE_LCORE_FOREACH(lcore) { of_lcore[lcore] = std::make_unique<RecordRing>(bytes_each); }
}

bool PortTap::attach() {
    rte_eth_dev_info info;
    if (rte_eth_dev_info_get(port_, &info) != 0) return false;
    attached_ = true;
    bool all = true;
    for (std::uint16_t q = 0; q < info.nb_rx_queues; ++q) all = all && listen(q, false);
    for (std::uint16_t q = 0; q < info.nb_tx_queues; ++q) all = all && listen(q, true);
    return all;
}

bool PortTap::listen(std::uint16_t queue, bool outbound) {
    queues_.push_back(
        std::unique_ptr<Queue>(new Queue{this, queue, outbound, nullptr})); // no () for clang 14
    Queue& q = *queues_.back();
    q.callback = outbound ? rte_eth_add_tx_callback(port_, queue, on_sending, &q)
                          : rte_eth_add_rx_callback(port_, queue, on_received, &q);
    return q.callback != nullptr;
}

void PortTap::detach() {
    if (!attached_) return;
    attached_ = false;
    for (const auto& q : queues_) {
        if (q->callback == nullptr) continue;
        if (q->outbound)
            rte_eth_remove_tx_callback(port_, q->number, q->callback);
        else
            rte_eth_remove_rx_callback(port_, q->number, q->callback);
    }
}

PortTap::~PortTap() {
    detach();
    for (const auto& q : queues_)
        rte_free(const_cast<rte_eth_rxtx_callback*>(q->callback)); // removing it leaves it allocated
}

std::uint64_t PortTap::copied() const {
    return std::accumulate(queues_.begin(), queues_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& q) { return sum + q->copied.load(); });
}

std::uint64_t PortTap::lost() const {
    return std::accumulate(queues_.begin(), queues_.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& q) { return sum + q->lost.load(); });
}

std::uint16_t PortTap::on_received(std::uint16_t, std::uint16_t, rte_mbuf** frames, std::uint16_t n,
                                   std::uint16_t, void* self) {
    auto& queue = *static_cast<Queue*>(self);
    if (n != 0) queue.tap->copy(queue, frames, n);
    return n;
}

std::uint16_t PortTap::on_sending(std::uint16_t, std::uint16_t, rte_mbuf** frames, std::uint16_t n,
                                  void* self) {
    auto& queue = *static_cast<Queue*>(self);
    if (!OfferedAgain::now()) queue.tap->copy(queue, frames, n);
    return n;
}

void PortTap::copy(Queue& queue, rte_mbuf* const* frames, std::uint16_t n) noexcept {
    RecordRing* const ring = rings_.of_lcore[rte_lcore_id()].get();
    TappedFrame head;
    head.time_ns = static_cast<std::uint64_t>(to_ns(now()));
    head.interface = interface_;
    head.outbound = queue.outbound;
    std::uint64_t copied = 0;
    for (std::uint16_t i = 0; i < n; ++i) {
        head.length = frames[i]->pkt_len;
        copied += copy_frame(*ring, head, frames[i]) ? 1 : 0;
    }
    add(queue.copied, copied);
    add(queue.lost, n - copied);
}

} // namespace dpdkbond

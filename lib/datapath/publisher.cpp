// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/publisher.hpp"

#include <cstddef>

#include "datapath/lane.hpp"

namespace dpdkbond {

namespace {

// Until control has spoken: nothing is received, what comes from above is dropped and counted.
void drop_all(Lane& lane, const Snapshot&, rte_mbuf** frames, std::uint16_t n) noexcept {
    drop(lane.counters.drops[static_cast<unsigned>(DropReason::no_member)], frames, n);
}

} // namespace

Publisher::Publisher(GracePeriods& grace)
    : grace_(grace), items_(std::make_unique<std::array<Item, kStock>>()) {
    current_ = &(*items_)[0];
    current_->snapshot.tx_burst = drop_all;
    current_->state = State::published;
    slot_.store(&current_->snapshot, std::memory_order_release);
}

Snapshot* Publisher::draft() {
    for (Item& item : *items_) {
        if (item.state != State::free) continue;
        item.snapshot = Snapshot{};
        return &item.snapshot;
    }
    return nullptr;
}

void Publisher::publish(Snapshot* filled) {
    filled->generation = ++generation_;
    slot_.store(filled, std::memory_order_release);
    current_->state = State::retiring;
    current_->token = grace_.start();
    ++retiring_;
    for (Item& item : *items_)
        if (&item.snapshot == filled) current_ = &item;
    current_->state = State::published;
}

void Publisher::retire() {
    if (retiring_ == 0) return;
    for (Item& item : *items_) {
        if (item.state != State::retiring || !grace_.passed(item.token)) continue;
        item.state = State::free;
        --retiring_;
    }
}

} // namespace dpdkbond

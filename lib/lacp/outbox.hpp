// SPDX-License-Identifier: BSD-3-Clause
// What waits to be polled from the engine: frames, events, marker results. Room is made once. owner: control
// lcore.
#pragma once

#include <optional>
#include <vector>

#include "lacp/events.hpp"
#include "lacp/marker.hpp"

namespace dpdkbond::lacp {

// A frame to send on a port. The first of a port's frames is the first to send.
struct TxFrame {
    PortRef port{};
    SlowFrame bytes{};
};

template <class T> class Ring {
public:
    explicit Ring(std::size_t capacity) : items_(capacity) {}
    [[nodiscard]] bool full() const { return size_ == items_.size(); }
    bool push(const T& item) { // false (and no change) when full
        if (full()) return false;
        items_[(first_ + size_++) % items_.size()] = item;
        return true;
    }
    std::optional<T> pop() {
        if (size_ == 0) return std::nullopt;
        const std::size_t at = first_;
        first_ = (first_ + 1) % items_.size();
        --size_;
        return items_[at];
    }

private:
    std::vector<T> items_;
    std::size_t first_ = 0, size_ = 0;
};

struct Outbox {
    // Frames: an LACPDU and a marker of every port, twice over. Events: a burst of every port.
    explicit Outbox(std::size_t ports)
        : frames(ports * 4), events(ports * 16), markers(MarkerRuns::kMaxRuns * ports) {}
    Ring<TxFrame> frames;
    Ring<Event> events;
    Ring<MarkerResult> markers;
    std::uint64_t events_lost = 0; // the oldest give way
    std::uint64_t frames_lost = 0; // markers; an LACPDU waits instead
};

} // namespace dpdkbond::lacp

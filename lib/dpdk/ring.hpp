// SPDX-License-Identifier: BSD-3-Clause
// Bounded queues of small plain records between threads, on librte_ring. Never block: push() says no when
// full.
#pragma once

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <string>
#include <type_traits>

namespace dpdkbond {

enum class RingKind { spsc, mpsc }; // how many threads push; one thread pops

/// A ring for records of `record_bytes` bytes. Throws std::runtime_error when DPDK has no memory for it. The
/// caller frees it.
rte_ring* create_ring(const std::string& name, unsigned record_bytes, unsigned slots, RingKind kind);

template <class T> class Ring {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);

public:
    // `name` is unique in the process; `slots` is rounded up to what holds that many.
    Ring(const std::string& name, unsigned slots, RingKind kind)
        : ring_(create_ring(name, sizeof(T), slots, kind)) {}
    ~Ring() { rte_ring_free(ring_); }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    bool push(const T& item) {
        T copy = item;
        return rte_ring_enqueue_elem(ring_, &copy, sizeof(T)) == 0;
    }
    bool pop(T& item) { return rte_ring_dequeue_elem(ring_, &item, sizeof(T)) == 0; }
    unsigned pop_burst(T* items, unsigned n) {
        return rte_ring_dequeue_burst_elem(ring_, items, sizeof(T), n, nullptr);
    }
    [[nodiscard]] bool full() const { return rte_ring_full(ring_) != 0; } // the only pusher: none is refused
    // Of its slots; a guess while others push or pop.
    [[nodiscard]] bool half_full() const { return rte_ring_count(ring_) >= rte_ring_get_capacity(ring_) / 2; }
    [[nodiscard]] bool empty() const { return rte_ring_empty(ring_) != 0; }

private:
    rte_ring* ring_;
};

} // namespace dpdkbond

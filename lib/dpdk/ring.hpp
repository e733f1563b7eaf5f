// SPDX-License-Identifier: BSD-3-Clause
// Bounded queues of small plain records between threads, on librte_ring. Never block: push() says no when
// full.
#pragma once

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <cstdint>
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
    [[nodiscard]] bool full() const { return count() >= ring_->capacity; } // the only pusher: none is refused
    // Of its slots; a guess while others push or pop.
    [[nodiscard]] bool half_full() const { return count() >= ring_->capacity / 2; }
    [[nodiscard]] bool empty() const { return count() == 0; }

private:
    // As rte_ring_count() has it, by atomic loads: others may push and pop meanwhile.
    [[nodiscard]] unsigned count() const {
        const std::uint32_t pushed = __atomic_load_n(&ring_->prod.tail, __ATOMIC_ACQUIRE);
        const std::uint32_t popped = __atomic_load_n(&ring_->cons.tail, __ATOMIC_ACQUIRE);
        return std::min((pushed - popped) & ring_->mask, ring_->capacity);
    }

    rte_ring* ring_;
};

} // namespace dpdkbond

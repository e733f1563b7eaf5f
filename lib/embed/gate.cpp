// SPDX-License-Identifier: BSD-3-Clause
#include "embed/gate.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dpdkbond {

namespace {

// Once a process.
bool has_membarrier() {
    static const bool registered =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    return registered;
}

} // namespace

void fence_all_threads() noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (has_membarrier()) syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

bool Gate::needs_fence() { return !has_membarrier(); }

bool Gate::close() noexcept {
    if ((turn() & 1U) != 0) return false;
    closed_.store(true, std::memory_order_relaxed);
    fence_all_threads();
    if ((turn() & 1U) == 0) return true;
    open();
    return false;
}

std::uint64_t GateGrace::start() {
    fence_all_threads();
    Period& p = periods_[++newest_ % kPeriods];
    p.token = newest_;
    p.inside = 0;
    for (std::size_t i = 0; i < gates_.size() && i < kGates; ++i) {
        p.turns[i] = gates_[i]->turn();
        if ((p.turns[i] & 1U) != 0) p.inside |= std::uint64_t{1} << i;
    }
    return newest_;
}

bool GateGrace::passed(std::uint64_t token) {
    Period& p = periods_[token % kPeriods];
    if (p.token != token) return true; // long ago
    for (std::uint64_t left = p.inside; left != 0; left &= left - 1) {
        const auto i = static_cast<std::size_t>(__builtin_ctzll(left));
        if (gates_[i]->turn() != p.turns[i]) p.inside &= ~(std::uint64_t{1} << i);
    }
    return p.inside == 0;
}

} // namespace dpdkbond

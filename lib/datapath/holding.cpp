// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/holding.hpp"

namespace dpdkbond {

namespace {

// The worker never saw the end of one move and finds the next: what that does not hold leaves.
void hold_anew(Lane& lane, const Snapshot& s) noexcept {
    std::array<rte_mbuf*, HeldFrames::kRoom + kMaxBurst> frames;
    HeldFrames& held = lane.held;
    const std::uint16_t n = held.count;
    std::copy_n(held.frames.begin() + held.first, n, frames.begin());
    held.first = held.count = 0;
    for (std::uint16_t at = 0; at < n; at = static_cast<std::uint16_t>(at + kMaxBurst))
        s.tx_burst(lane, s, frames.data() + at, std::min(kMaxBurst, static_cast<std::uint16_t>(n - at)));
}

} // namespace

bool release_held(Lane& lane, const Snapshot& s) noexcept {
    HeldFrames& held = lane.held;
    if (s.hold != 0 && held.spilled != s.hold) {
        if (held.hold != s.hold) hold_anew(lane, s);
        return true;
    }
    const std::uint16_t n = std::min(kBurst, held.count);
    s.tx_burst(lane, s, held.frames.data() + held.first, n);
    held.count = static_cast<std::uint16_t>(held.count - n);
    held.first = held.count == 0 ? 0 : static_cast<std::uint16_t>(held.first + n);
    return held.count == 0;
}

Lane::~Lane() { rte_pktmbuf_free_bulk(held.frames.data() + held.first, held.count); }

} // namespace dpdkbond

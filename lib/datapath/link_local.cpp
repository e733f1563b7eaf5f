// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/link_local.hpp"

namespace dpdkbond {

namespace {

// The second half of the ring is for LACP: a flood of frames for a tap must not cost the partner an LACPDU.
bool push(Lane& lane, std::uint8_t member, rte_mbuf* frame) noexcept {
    if (lane.punted == nullptr || lane.punted->half_full()) return false;
    frame->port = static_cast<std::uint16_t>(kForTap | member);
    if (!lane.punted->push(frame)) return false;
    lane.bell = true;
    return true;
}

void give_copy(Lane& lane, std::uint8_t member, const rte_mbuf* frame) noexcept {
    rte_mbuf* const copy = rte_pktmbuf_copy(frame, frame->pool, 0, UINT32_MAX);
    if (copy != nullptr && push(lane, member, copy)) {
        lane.counters.copied.add(1);
        return;
    }
    rte_pktmbuf_free(copy);
    lane.counters.copies_lost.add(1);
}

void give(Lane& lane, std::uint8_t member, rte_mbuf* frame) noexcept {
    if (push(lane, member, frame))
        lane.counters.punted.add(1);
    else
        drop(lane.counters.drops[static_cast<unsigned>(DropReason::control_full)], &frame, 1);
}

} // namespace

std::uint16_t give_to_tap(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept {
    const bool goes_up = s.rx_accept.has(MemberId{member}) && !s.filter.down;
    std::uint16_t kept = 0;
    for (std::uint16_t i = 0; i < n; ++i) {
        rte_mbuf* const frame = frames[i];
        // A buffer has room for a header, whatever is in it.
        if (is_tapped(rte_pktmbuf_mtod(frame, const std::uint8_t*))) [[unlikely]] {
            if (!goes_up) {
                give(lane, member, frame);
                continue;
            }
            give_copy(lane, member, frame);
        }
        frames[kept++] = frame;
    }
    return kept;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/punt_neighbors.hpp"

#include "base/bytes.hpp"
#include "proto/nd.hpp"

namespace dpdkbond {

namespace {

constexpr std::uint32_t kCopied = 256; // bytes: a neighbour's frame with all its options

[[gnu::cold]] void copy_to_control(Lane& lane, std::uint8_t member, const rte_mbuf* frame) noexcept {
    rte_mbuf* const copy = rte_pktmbuf_copy(frame, frame->pool, 0, kCopied);
    if (copy != nullptr) copy->port = member;
    if (copy == nullptr || lane.punted == nullptr || !lane.punted->push(copy)) {
        rte_pktmbuf_free(copy);
        lane.counters.copies_lost.add(1);
        return;
    }
    lane.counters.copied.add(1);
    lane.bell = true;
}

} // namespace

std::uint16_t punt_neighbors(Lane& lane, const Snapshot&, std::uint8_t member, rte_mbuf** frames,
                             std::uint16_t n) noexcept {
    for (std::uint16_t i = 0; i < n; ++i) {
        const auto* bytes = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
        // A buffer has room for a header, whatever is in it.
        if (!may_be_neighbor_frame(bytes, load_be16(bytes + 12))) [[likely]]
            continue;
        if (is_neighbor_frame({bytes, frames[i]->data_len})) copy_to_control(lane, member, frames[i]);
    }
    return n;
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/rx_filter.hpp"

namespace dpdkbond {

std::uint16_t sort_out_rest(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                            std::uint16_t from, std::uint16_t n) noexcept {
    const FilterTable& filter = s.filter;
    auto& drops = lane.counters.member[member].drops;
    if (filter.down) {
        drop(drops[static_cast<unsigned>(DropReason::logical_down)], frames, n);
        return 0;
    }
    std::uint16_t kept = from;
    bool refused = false;
    for (std::uint16_t i = from; i < n; ++i) {
        const std::uint64_t key = mac_key(rte_pktmbuf_mtod(frames[i], const std::uint8_t*));
        const bool group = is_group_key(key);
        if (group ? filter.takes_group(key) : filter.takes_unicast(key)) {
            frames[kept++] = frames[i];
            continue;
        }
        const DropReason reason = group ? DropReason::foreign_group : DropReason::foreign_mac;
        drop(drops[static_cast<unsigned>(reason)], &frames[i], 1);
        refused = true;
    }
    if (refused && lane.doubt != nullptr) lane.doubt->ring();
    return kept;
}

} // namespace dpdkbond

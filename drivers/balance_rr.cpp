// SPDX-License-Identifier: BSD-3-Clause
// Mode 0, balance-rr: frames in turn (Linux: packets_per_slave frames a turn; 0: a member at random). IGMP goes by the
// active member, so that a switch sees a group's reports on one port.
#include "datapath/tx_engine.hpp"
#include "drivers/registry.hpp"
#include "drivers/spread.hpp"
#include "proto/igmp.hpp"

namespace dpdkbond {

namespace {

bool is_multicast(const rte_mbuf* frame) {
    return (*rte_pktmbuf_mtod(frame, const std::uint8_t*) & 1U) != 0;
}

// IGMP is sent to groups only, so a burst without a multicast frame needs no second look.
void igmp_by_active(const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n, std::uint8_t* out) {
    for (std::uint16_t i = 0; i < n; ++i)
        if (is_multicast(frames[i]) && is_igmp_frame({rte_pktmbuf_mtod(frames[i], const std::uint8_t*), frames[i]->data_len}))
            out[i] = s.active.value;
}

std::uint8_t any_multicast(rte_mbuf* const* frames, std::uint16_t n) {
    std::uint8_t first_bytes = 0;
    for (std::uint16_t i = 0; i < n; ++i) first_bytes |= *rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
    return first_bytes & 1U;
}

struct InTurn { // packets_per_slave 1
    static void pick(PolicyState& state, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n,
                     std::uint8_t* out) noexcept {
        std::uint32_t at = state.position < s.tx_count ? state.position : 0;
        for (std::uint16_t i = 0; i < n; ++i) {
            out[i] = s.tx[at];
            at = at + 1 == s.tx_count ? 0 : at + 1;
        }
        state.position = at;
        if (any_multicast(frames, n)) igmp_by_active(s, frames, n, out);
    }
};

struct InLongTurns {
    static void pick(PolicyState& state, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n,
                     std::uint8_t* out) noexcept {
        std::uint32_t at = state.position < s.tx_count ? state.position : 0;
        for (std::uint16_t i = 0; i < n; ++i) {
            out[i] = s.tx[at];
            if (++state.sent_there < s.packets_per_member) continue;
            state.sent_there = 0;
            at = at + 1 == s.tx_count ? 0 : at + 1;
        }
        state.position = at;
        if (any_multicast(frames, n)) igmp_by_active(s, frames, n, out);
    }
};

struct AtRandom {
    static void pick(PolicyState& state, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n,
                     std::uint8_t* out) noexcept {
        for (std::uint16_t i = 0; i < n; ++i) {
            const std::uint64_t scaled = std::uint64_t{state.next_random()} * s.tx_count;
            out[i] = s.tx[scaled >> 32U];
        }
        if (any_multicast(frames, n)) igmp_by_active(s, frames, n, out);
    }
};

TxBurstFn data_half(const BondOptions& options) {
    if (options.packets_per_slave == 0) return tx_burst<AtRandom>;
    return options.packets_per_slave == 1 ? tx_burst<InTurn> : tx_burst<InLongTurns>;
}

} // namespace

const ModeDescriptor balance_rr_mode{
    .number = Mode::balance_rr,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<SpreadController>(); },
    .hashes = false,
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Mode 0, balance-rr: frames in turn (Linux: packets_per_slave frames a turn; 0: a member at random). IGMP
// leaves by the active member, so that a switch sees a group's reports on one port.
#include <fmt/format.h>

#include "datapath/tx_engine.hpp"
#include "drivers/registry.hpp"
#include "drivers/spread.hpp"
#include "proto/igmp.hpp"

namespace dpdkbond {

namespace {

// IGMP is sent to groups only: a burst without a multicast frame needs no second look.
class Igmp {
public:
    Igmp(rte_mbuf* const* frames, std::uint16_t n) noexcept : frames_(frames) {
        std::uint8_t first_bytes = 0;
#pragma GCC unroll 8
        for (std::uint16_t i = 0; i < n; ++i) first_bytes |= *bytes(frames[i]);
        any_multicast_ = (first_bytes & 1U) != 0;
    }
    [[nodiscard]] bool possible() const noexcept { return any_multicast_; }
    [[nodiscard]] bool operator()(std::uint16_t i) const noexcept {
        return any_multicast_ && (*bytes(frames_[i]) & 1U) != 0 &&
               is_igmp_frame({bytes(frames_[i]), frames_[i]->data_len});
    }

private:
    static const std::uint8_t* bytes(const rte_mbuf* m) { return rte_pktmbuf_mtod(m, const std::uint8_t*); }
    rte_mbuf* const* frames_;
    bool any_multicast_;
};

class InTurn {
public:
    InTurn(PolicyState& state, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n) noexcept
        : state_(state), s_(s), igmp_(frames, n) {
        if (state_.position >= s.tx_count) state_.position = 0;
    }
    std::uint8_t operator()(std::uint16_t i) noexcept {
        if (igmp_(i)) return s_.active.value; // without using up a turn
        const std::uint8_t next = s_.tx[state_.position];
        if (++state_.sent_there >= s_.packets_per_member) {
            state_.sent_there = 0;
            state_.position = state_.position + 1 == s_.tx_count ? 0 : state_.position + 1;
        }
        return next;
    }

private:
    PolicyState& state_;
    const Snapshot& s_;
    const Igmp igmp_;
};

// packets_per_slave 1 and no IGMP, the usual case: every member's frames are at equal distances.
struct OneEach {
    static void send(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
        if (Igmp(frames, n).possible()) {
            send_by_choice<InTurn>(lane, s, frames, n);
            return;
        }
        const std::uint32_t members = s.tx_count,
                            first = lane.policy.position < members ? lane.policy.position : 0;
        stage(lane, s, n, [&](auto& counts) {
            switch (members) { // the usual numbers as constants
            case 2: deal<2>(lane, s, first, frames, n, counts); break;
            case 4: deal<4>(lane, s, first, frames, n, counts); break;
            case 8: deal<8>(lane, s, first, frames, n, counts); break;
            default: deal_in_turn(lane, s, first, frames, n, counts);
            }
        });
        lane.policy.position = s.turn_mod(first + n);
    }

private:
    // Frame 0 to member s.tx[first], and so on.
    template <unsigned Members>
    static void deal(Lane& lane, const Snapshot& s, std::uint32_t first, rte_mbuf* const* __restrict frames,
                     std::uint16_t n, auto& counts) noexcept {
        rte_mbuf** behind[Members];
        const auto id_of = [&](unsigned k) { return s.tx[(first + k) % Members]; };
        for (unsigned k = 0; k < Members; ++k) {
            const std::uint8_t id = id_of(k);
            behind[k] = lane.stage.of[id] + counts.add(id, (n + Members - 1 - k) / Members);
        }
        std::uint32_t turn = 0, i = 0;
        for (; i + Members <= n; i += Members, ++turn)
            for (unsigned k = 0; k < Members; ++k) behind[k][turn] = frames[i + k];
        for (unsigned k = 0; i < n; ++i, ++k) behind[k][turn] = frames[i];
    }
    static void deal_in_turn(Lane& lane, const Snapshot& s, std::uint32_t first, rte_mbuf* const* frames,
                             std::uint16_t n, auto& counts) noexcept {
        std::uint32_t at = first;
        for (std::uint32_t k = 0; k < s.tx_count && k < n; ++k) {
            const std::uint8_t id = s.tx[at];
            rte_mbuf** const behind = lane.stage.of[id] + counts.add(id, 0);
            unsigned count = 0;
            for (std::uint32_t i = k; i < n; i += s.tx_count) behind[count++] = frames[i];
            counts.add(id, count);
            at = at + 1 == s.tx_count ? 0 : at + 1;
        }
    }
};

class AtRandom {
public:
    AtRandom(PolicyState& state, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n) noexcept
        : state_(state), s_(s), igmp_(frames, n) {}
    std::uint8_t operator()(std::uint16_t i) noexcept {
        const std::uint8_t any = s_.tx[std::uint64_t{state_.next_random()} * s_.tx_count >> 32U];
        return igmp_(i) ? s_.active.value : any;
    }

private:
    PolicyState& state_;
    const Snapshot& s_;
    const Igmp igmp_;
};

class TurnQueries final : public ModeQueries {
public:
    std::optional<std::vector<MemberLoad>> load(const RunningBond& bond) override {
        std::vector<MemberLoad> out;
        for (const MemberStatus& m : bond.status.members) out.push_back({m.name.str()});
        return out;
    }
};

TxBurstFn data_half(const BondOptions& options) {
    if (options.packets_per_slave == 0) return tx_burst<AtRandom>;
    return options.packets_per_slave == 1 ? tx_burst<OneEach> : tx_burst<InTurn>;
}

} // namespace

const ModeDescriptor balance_rr_mode{
    .number = Mode::balance_rr,
    .data_half = data_half,
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<SpreadController>(); },
    .hashes = false,
    .unplaced = [](const BondOptions& options) -> Unplaced {
        if (options.packets_per_slave == 0) return {true, "each frame leaves by a usable member at random"};
        return {true, fmt::format("the usable members take turns of {} frame(s), whatever the flow",
                                  options.packets_per_slave)};
    },
    .queries = []() -> std::unique_ptr<ModeQueries> { return std::make_unique<TurnQueries>(); },
};

} // namespace dpdkbond

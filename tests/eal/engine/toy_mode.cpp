// SPDX-License-Identifier: BSD-3-Clause
// A ninth mode, which the program does not have: short frames leave by the first member that may send, long
// ones by the last. All of it is in this file, and one line registers it (test_toy_mode.cpp).
#include "toy_mode.hpp"

#include "datapath/tx_engine.hpp"
#include "drivers/spread.hpp"

namespace dpdkbond::testing {

namespace {

constexpr std::uint32_t kLong = 100; // bytes

class BySize {
public:
    BySize(PolicyState&, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t) noexcept
        : s_(s), frames_(frames) {}
    std::uint8_t operator()(std::uint16_t i) const noexcept {
        return frames_[i]->pkt_len < kLong ? s_.tx[0] : s_.tx[s_.tx_count - 1];
    }

private:
    const Snapshot& s_;
    rte_mbuf* const* frames_;
};

class Queries final : public ModeQueries {
public:
    std::optional<Explanation> explain(const RunningBond& bond, Bytes frame) override {
        Explanation out;
        bond.look([&](const Controller&, const Snapshot& s) {
            if (s.tx_count != 0)
                out.member =
                    bond.member_name(MemberId{frame.size() < kLong ? s.tx[0] : s.tx[s.tx_count - 1]});
        });
        out.reason = out.member.empty() ? "no member is usable" : "by the length of the frame";
        return out;
    }
    std::optional<std::vector<MemberLoad>> load(const RunningBond& bond) override {
        std::vector<MemberLoad> out;
        for (const MemberStatus& m : bond.status.members)
            out.push_back({.member = m.name.str(), .bytes_per_s = 7 + clears_});
        return out;
    }
    void clear(std::span<const Lane* const>) override { ++clears_; }

private:
    std::uint64_t clears_ = 0;
};

constexpr ModeDef kRow{
    .mode = kToyMode,
    .name = "by-size",
    .help = "short frames leave by the first member, long ones by the last",
    .title = "load balancing (by size)",
    .traits = {Trait::hashed, Trait::probed},
    .shows_hash = [](const BondOptions&) { return true; },
};

} // namespace

const ModeDescriptor toy_mode{
    .number = kToyMode,
    .data_half = [](const BondOptions&) -> TxBurstFn { return tx_burst<BySize>; },
    .control_half = []() -> std::unique_ptr<Controller> { return std::make_unique<SpreadController>(); },
    .hashes = false,
    .queries = []() -> std::unique_ptr<ModeQueries> { return std::make_unique<Queries>(); },
    .def = &kRow,
};

} // namespace dpdkbond::testing

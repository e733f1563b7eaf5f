// SPDX-License-Identifier: BSD-3-Clause
// What a running bond answers, whatever its mode; what is the mode's own its ModeQueries answer. And the
// change of options and mode. Ordinary threads, one at a time for each bond.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "engine/control.hpp"
#include "flow/flow.hpp"

namespace dpdkbond {

// How long rates are measured: long enough for some hundred frames, short enough for whoever waits.
inline constexpr Duration kLoadWindow = std::chrono::milliseconds(250);

class BondQueries {
public:
    // What the member's port has sent since it was opened, in bytes, as the port itself counts it
    // (Port::stats(): an ethdev's number says nothing of a port that has no PMD).
    using SentBytes = std::function<std::uint64_t(MemberId)>;

    BondQueries(Control& control, BondCore& core, const BondOptions& options, SentBytes sent)
        : control_(control), core_(core), options_(options), sent_(std::move(sent)) {}

    // By which member the flow leaves. Frames without a source address have the bond's.
    Explanation explain(const FlowSpec& flow);
    // Load by member, and by bucket where there are some; nullopt: the mode does not balance. Two steps, as
    // rates are measured between them, with counters that count for some seconds from the first on. The mutex
    // need not be held in between.
    struct LoadBegun {
        Time at{};
        const ModeDescriptor* mode = nullptr;
        std::vector<std::uint64_t> by_bucket; // bytes; the last: of no bucket. Empty: not counted
        MemberMap<std::uint64_t> by_member;   // … as the devices count them
        std::vector<std::uint64_t> samples;   // FlowSamples::taken() of each lane
    };
    [[nodiscard]] LoadBegun begin_load();
    std::optional<std::vector<MemberLoad>> load(const LoadBegun& begun);
    std::optional<std::vector<RlbClientView>> rlb();
    std::optional<SprayView> spray();

private:
    template <class F> auto with_bond(F f) {
        BondStatus status;
        core_.status.load(status);
        return f(RunningBond{options_, status, core_.lanes, [this](const RunningBond::Look& look) {
                                 control_.call([&] { look(*core_.controller, core_.seen()); });
                             }});
    }
    Explanation explain(const RunningBond& bond, const FlowSpec& flow);
    [[nodiscard]] std::vector<std::uint64_t> bytes_by_bucket() const;
    [[nodiscard]] MemberMap<std::uint64_t> bytes_by_member(const RunningBond& bond) const;
    [[nodiscard]] std::optional<std::vector<MemberLoad>> load_by_map(const RunningBond& bond,
                                                                     const LoadBegun& begun) const;

    void add_flows(const RunningBond& bond, const LoadBegun& begun, std::vector<MemberLoad>& load);

    Control& control_;
    BondCore& core_;
    const BondOptions& options_;
    const SentBytes sent_;
};

// Tells control. A mode that is not the present one begins with new queries, whose counters begin at zero.
// `named`: see Bond::set_options().
void set_options(Control& control, BondCore& core, const ModeDescriptor& mode, const BondOptions& options,
                 std::string_view named = {});

} // namespace dpdkbond

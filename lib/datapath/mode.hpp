// SPDX-License-Identifier: BSD-3-Clause
// A mode is a pair: a data half, chosen once for the bond's options, and a control half. Beside them stands
// what it answers when somebody asks. drivers/ has one file a mode, or a folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bond/controller.hpp"
#include "bond/snapshot.hpp"
#include "bond/status.hpp"
#include "bond/views.hpp"
#include "options/options.hpp"

namespace dpdkbond {

// What a data half makes of a frame, for `explain`.
struct Placing {
    bool spread = true; // false: it leaves by the active member, whatever it hashes to
    std::uint32_t hash = 0;
    std::string by; // what is hashed
};

// How frames leave that no hash places, for `explain`.
struct Unplaced {
    bool by_all = false; // by every usable member; else by the active one
    std::string reason;  // one sentence
};

// A running bond as its mode's queries see it. Ordinary threads, one at a time.
struct RunningBond {
    const BondOptions& options;
    const BondStatus& status;
    std::span<const Lane* const> lanes; // for their counters
    // Runs its argument on control, where nothing allocates or waits, with the mode's control half and the
    // snapshot that workers use.
    using Look = std::function<void(const Controller&, const Snapshot&)>;
    std::function<void(const Look&)> look;

    [[nodiscard]] std::string member_name(MemberId id) const {
        for (const MemberStatus& m : status.members)
            if (m.id == id) return m.name.str();
        return {};
    }
};

// What a mode answers by itself; nullopt: it has no such view, or nothing to add to what holds for all modes.
// One for each bond, made and freed with the control half; it may keep baselines of counters.
class ModeQueries {
public:
    virtual ~ModeQueries() = default;
    virtual std::optional<Explanation> explain(const RunningBond&, Bytes /*frame*/) { return std::nullopt; }
    // Rates that it leaves out are measured.
    virtual std::optional<std::vector<MemberLoad>> load(const RunningBond&) { return std::nullopt; }
    virtual std::optional<std::vector<RlbClientView>> rlb(const RunningBond&) { return std::nullopt; }
    virtual std::optional<SprayView> spray(const RunningBond&) { return std::nullopt; }
    // The mode's own counters begin again at zero: when it is chosen, and when statistics are cleared.
    virtual void clear(std::span<const Lane* const>) {}
};

struct ModeDescriptor {
    Mode number;
    // The data half for these options: what can be decided once is decided here and not per packet.
    TxBurstFn (*data_half)(const BondOptions& options);
    std::unique_ptr<Controller> (*control_half)();
    bool hashes;           // members are chosen by xmit_hash_policy and the bucket map
    PuntFn punt = nullptr; // which received frames are the control half's; nullptr: none
    // For modes in which not every frame is placed by xmit_hash_policy. Any thread.
    Placing (*place)(const BondOptions& options, Bytes frame) = nullptr;
    // nullptr: the active member sends everything that no hash places.
    Unplaced (*unplaced)(const BondOptions& options) = nullptr;
    // Counts frames by the bucket map in Lane::flows and sends them by Snapshot::counted; nullptr: nothing to
    // count.
    TxBurstFn (*counting)(const BondOptions& options) = nullptr;
    std::unique_ptr<ModeQueries> (*queries)() = nullptr; // nullptr: nothing of its own
    const ModeDef* def = nullptr; // of a mode that lib/options has no row for (add_mode() in registry.hpp)
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// A bond from end to end, as the ordinary threads keep it: what was configured, the ports, the lanes, the
// part that control owns, and what was counted and heard. Guarded by Program's mutex, but for what says
// otherwise.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "datapath/merger.hpp"
#include "engine/control.hpp"
#include "host/numa.hpp"
#include "ops/event_history.hpp"
#include "ops/instance.hpp"
#include "ports/logical_port.hpp"
#include "ports/mac_keeper.hpp"
#include "ports/member_port.hpp"
#include "ports/waiting.hpp"

namespace dpdkbond {

class BondUnit {
public:
    BondUnit(std::uint32_t unit_number, BondConfig bond_config)
        : number(unit_number), config(std::move(bond_config)) {
        set_order(config.members);
    }
    void set_order(std::span<const MemberConfig> file);

    const std::uint32_t number; // index into Control's and the workers' tables
    BondConfig config;          // as it runs now; its members are those that are there
    OptionsAside aside;         // what was set and its mode does not take
    std::unique_ptr<LogicalPort> logical;
    std::unique_ptr<BondCore> core;                    // control's, once it was told of it
    std::vector<NodePtr<Merger>> mergers;              // of the lanes, where the kernel takes super-frames
    std::vector<NodePtr<Lane>> lanes;                  // each in memory of its worker's node
    std::vector<std::unique_ptr<MemberPort>> members;  // as order_of() says
    WaitingMembers waiting;                            // wanted, but not there
    [[nodiscard]] bool lists(std::string_view member); // there, or wanted
    void record_members();                             // config follows `members`
    // Members as the file lists them; others come behind, as they joined.
    std::vector<std::string> order;
    [[nodiscard]] std::size_t order_of(std::string_view member) const;
    // The first that comes behind a member of that name.
    [[nodiscard]] std::vector<std::unique_ptr<MemberPort>>::iterator place_of(std::string_view member);
    [[nodiscard]] LeftBehind left_behind(const MemberPort& member) const; // by one that leaves now
    // Such as have left the bond while a worker that hangs may still use them: closed once it has come round.
    std::vector<std::unique_ptr<MemberPort>> leaving;

    std::shared_ptr<Capture> capture; // the last one; a thread that ends it waits without Program's mutex

    std::optional<MacKeeper>
        macs; // by its own lock, the host thread moves MACs when the active member changes

    [[nodiscard]] MemberPort* find_member(std::string_view name) const;

    // The logical interface's carrier as it was last set; owner: the host thread.
    std::atomic<bool> carrier_set{false};
    std::optional<Wanted> wanted; // as it was last carried out; owner: the host thread

    // Sums over the lanes, less the baselines.
    [[nodiscard]] MemberCounters counters(const MemberPort& member) const;
    [[nodiscard]] BondCounters counters() const;
    // From what it had, whatever its slot counted before.
    void start_counting(MemberPort& member, const MemberCounters& had = {}) const;
    void clear_counters();
    void count_left(const MemberCounters& had);              // by a member that does not come back
    bool give_up_waiting(std::string_view member, Time now); // false: there is none

    // The events so far, by their own lock: the host thread writes, anybody reads.
    void remember(const Event& event);
    [[nodiscard]] std::vector<PastEvent> history() const;
    void put_history_before(std::vector<PastEvent> older); // of the bond that this one replaces

private:
    [[nodiscard]] MemberCounters raw_counters(const MemberPort& member) const;
    [[nodiscard]] BondCounters raw_counters() const;
    BondCounters baseline_;
    std::uint64_t left_rx_ = 0, left_tx_ = 0;
    mutable std::mutex history_mutex_;
    EventHistory history_;
};

} // namespace dpdkbond

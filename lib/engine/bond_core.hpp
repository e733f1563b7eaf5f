// SPDX-License-Identifier: BSD-3-Clause
// A bond as the control lcore keeps it: the Bond, what publishes its snapshots, and the rings to and from
// workers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/seq_box.hpp"
#include "bond/bond.hpp"
#include "datapath/lane.hpp"
#include "datapath/mode.hpp"
#include "datapath/publisher.hpp"
#include "dpdk/ring.hpp"
#include "engine/gap_meter.hpp"

namespace dpdkbond {

// What control keeps of one bond. Made and freed by ordinary threads while control does not know it; in
// between only control touches `bond` and `publisher`.
struct BondCore {
    BondCore(std::string_view name, const ModeDescriptor& bond_mode, const BondOptions& options,
             std::optional<Mac> mac, std::uint32_t mtu, GracePeriods& grace, std::size_t workers,
             const std::string& tag);
    ~BondCore();                                 // frees what its rings still hold
    [[nodiscard]] const Snapshot& seen() const { // by the workers. On control only.
        return *publisher.slot().load(std::memory_order_acquire);
    }

    const ModeDescriptor* mode;             // the present one
    std::unique_ptr<ModeQueries> queries;   // owner: ordinary threads, one at a time (queries.hpp)
    std::unique_ptr<Controller> controller; // of the present mode
    Bond bond;
    Publisher publisher;
    Ring<rte_mbuf*> inject;                               // control → worker 0
    std::vector<std::unique_ptr<Ring<rte_mbuf*>>> punted; // each worker → control
    std::vector<const Lane*> lanes;                       // for their counters
    SeqBox<BondStatus> status;
    Counter lost_no_buffer;              // frames of control's own that found no packet buffer …
    Counter lost_no_member;              // … or no member …
    Counter lost_ring_full;              // … or no room in the inject ring; owner: control
    MemberMap<TapCounters> tap_counters; // writer: control
    const std::uint64_t serial;          // no other bond of this process has or had it
    // ---- owner: control
    MemberSet ears;               // their LACPDUs come by a socket
    MemberMap<int> ear_socket;    // of those
    MemberSet taps;               // members that have a tap …
    MemberMap<int> tap;           // … its descriptor
    bool unpublished = true;      // there is something newer than the published snapshot
    std::optional<Wanted> handed; // what the ordinary threads were given last
    GapMeter gap;
    LostFrames lost_before;        // what Bond::frames_lost() said last
    std::uint64_t losses_told = 0; // events lost that the ordinary threads know of
};

// What a Bond needs of a mode with these options.
ModeParts parts_of(const ModeDescriptor& mode, Controller& controller, const BondOptions& options);
std::unique_ptr<ModeQueries> make_queries(const ModeDescriptor& mode);

} // namespace dpdkbond

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
#include "datapath/publisher.hpp"
#include "dpdk/ring.hpp"

namespace dpdkbond {

// What control keeps of one bond. Made and freed by ordinary threads while control does not know it; in
// between only control touches `bond` and `publisher`.
struct BondCore {
    BondCore(std::string_view name, ModeParts mode, std::unique_ptr<Controller> mode_controller,
             const BondOptions& options, std::optional<Mac> mac, std::uint32_t mtu, Rcu& rcu,
             std::size_t workers, const std::string& tag);
    ~BondCore(); // frees what its rings still hold

    std::unique_ptr<Controller> controller; // of the present mode
    Bond bond;
    Publisher publisher;
    Ring<rte_mbuf*> inject;                               // control → worker 0
    std::vector<std::unique_ptr<Ring<rte_mbuf*>>> punted; // each worker → control
    std::vector<const Lane*> lanes;                       // for their counters
    SeqBox<BondStatus> status;
    Counter lost_no_buffer;     // frames of control's own that found no packet buffer …
    Counter lost_ring_full;     // … or no room in the inject ring; owner: control
    const std::uint64_t serial; // no other bond of this process has or had it
    // ---- owner: control
    std::uint32_t ears = 0;                    // bit MemberId: its LACPDUs come by a socket
    std::array<int, kMaxMembers> ear_socket{}; // of those
    bool unpublished = true;                   // there is something newer than the published snapshot
    std::optional<Wanted> handed;              // what the ordinary threads were given last
    std::uint64_t losses_told = 0;             // events lost that the ordinary threads know of
};

} // namespace dpdkbond

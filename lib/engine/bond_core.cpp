// SPDX-License-Identifier: BSD-3-Clause
#include "engine/bond_core.hpp"

#include <rte_mbuf.h>

#include <atomic>

#include "datapath/punt_neighbors.hpp"

namespace dpdkbond {

namespace {

std::atomic<std::uint64_t> g_serial{0};

} // namespace

ModeParts parts_of(const ModeDescriptor& mode, Controller& controller, const BondOptions& options) {
    return {mode.number, &controller, mode.data_half(options), mode.punt, punt_neighbors};
}

std::unique_ptr<ModeQueries> make_queries(const ModeDescriptor& mode) {
    return mode.queries != nullptr ? mode.queries() : std::make_unique<ModeQueries>();
}

BondCore::BondCore(std::string_view name, const ModeDescriptor& bond_mode, const BondOptions& options,
                   std::optional<Mac> mac, std::uint32_t mtu, GracePeriods& grace, std::size_t workers,
                   const std::string& tag)
    : mode(&bond_mode), queries(make_queries(bond_mode)), controller(bond_mode.control_half()),
      bond(name, parts_of(bond_mode, *controller, options), options, mac, mtu), publisher(grace),
      inject("inject-" + tag, 512, RingKind::spsc), serial(++g_serial) {
    for (std::size_t w = 0; w < workers; ++w)
        punted.push_back(std::make_unique<Ring<rte_mbuf*>>("punted-" + tag + "-" + std::to_string(w), 256,
                                                           RingKind::spsc));
}

BondCore::~BondCore() {
    rte_mbuf* left = nullptr;
    while (inject.pop(left)) rte_pktmbuf_free(left);
    for (const auto& ring : punted)
        while (ring->pop(left)) rte_pktmbuf_free(left);
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include "engine/bond_core.hpp"

#include <rte_mbuf.h>

#include <atomic>

namespace dpdkbond {

namespace {

std::atomic<std::uint64_t> g_serial{0};

} // namespace

BondCore::BondCore(std::string_view name, ModeParts mode, std::unique_ptr<Controller> mode_controller,
                   const BondOptions& options, std::optional<Mac> mac, std::uint32_t mtu, Rcu& rcu,
                   std::size_t workers, const std::string& tag)
    : controller(std::move(mode_controller)),
      bond(name, {mode.mode, controller.get(), mode.tx_burst, mode.punt, mode.punt_neighbors}, options, mac,
           mtu),
      publisher(rcu), inject("inject-" + tag, 512, RingKind::spsc), serial(++g_serial) {
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

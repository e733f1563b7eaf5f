// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/net_dpdkbond/removal.hpp"

#include <rte_bus.h>

#include <cerrno>
#include <vector>

#include "drivers/net_dpdkbond/ethdev.hpp"
#include "embed/instance.hpp"
#include "embed/log.hpp"

namespace dpdkbond {

namespace {

// How a bus did it before. The list is written once, before anything is removed.
struct Bus {
    rte_bus* bus;
    rte_bus_unplug_t unplug;
    rte_bus_cleanup_t cleanup;
};
std::vector<Bus> buses;

const Bus* bus_of(const rte_device* device) {
    for (const Bus& b : buses)
        if (b.bus == device->bus) return &b;
    return nullptr;
}

int unplug(rte_device* device) {
    const Bus* const bus = bus_of(device);
    if (bus == nullptr) return -ENODEV;
    if (const auto let_go = member_is_detaching(device); !let_go) {
        log_line(LogLevel::error, let_go.error());
        return -EBUSY;
    }
    const int rc = bus->unplug(device);
    member_is_detached(device);
    return rc;
}

// Each bus has a function of its own for that, without an argument.
template <std::size_t N> int cleanup() {
    stop_instances();
    return buses[N].cleanup();
}
constexpr rte_bus_cleanup_t kCleanups[] = {
    cleanup<0>, cleanup<1>, cleanup<2>,  cleanup<3>,  cleanup<4>,  cleanup<5>,  cleanup<6>,  cleanup<7>,
    cleanup<8>, cleanup<9>, cleanup<10>, cleanup<11>, cleanup<12>, cleanup<13>, cleanup<14>, cleanup<15>};

int every(const rte_bus*, const void*) { return 0; }

} // namespace

void watch_removals() {
    if (!buses.empty()) return;
    for (rte_bus* bus = rte_bus_find(nullptr, every, nullptr); bus != nullptr;
         bus = rte_bus_find(bus, every, nullptr)) {
        if (buses.size() == std::size(kCleanups)) return;
        buses.push_back({bus, bus->unplug, bus->cleanup});
        if (bus->unplug != nullptr) bus->unplug = unplug;
        if (bus->cleanup != nullptr) bus->cleanup = kCleanups[buses.size() - 1];
    }
}

} // namespace dpdkbond

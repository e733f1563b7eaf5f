// SPDX-License-Identifier: BSD-3-Clause
// What is measured and on what: null members, a pool whose every buffer holds a frame of a flow of its own, a
// net_bonding port and a bond of ours over the same members. Main thread only; start-up and set-up throw.
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bond/bond.hpp"
#include "datapath/lane.hpp"
#include "dpdk/port.hpp"
#include "drivers/registry.hpp"

namespace dpdkbond::bench {

inline constexpr std::uint16_t kFrameSize = 80;
// All ports together are no more than DPDK takes, which is 32 at Debian.
inline constexpr unsigned kMostMembers = 30;
inline constexpr unsigned kMostOfAKind = 8; // silent ones, and the plug-in's

// What the frames are. mixed: nine of ten IPv4, the rest IPv6, half TCP, half UDP, each of a flow of its own.
enum class Traffic : std::uint8_t {
    mixed,
    ipv4,
    ipv6,
    one_flow,     // IPv4, all alike
    runs,         // mixed, eight frames of a flow in a row
    fragments,    // IPv4, none of them the first
    tagged,       // mixed, behind an 802.1Q tag
    encapsulated, // TCP or UDP over IPv4 in GRE over IPv4
};
inline constexpr std::array kTrafficNames{"mixed", "ipv4",      "ipv6",   "one-flow",
                                          "runs",  "fragments", "tagged", "encapsulated"};
inline constexpr unsigned kRun = 8;

// A pool of `flows` buffers in first-in first-out order, without a cache: frames come round in an order that
// the run chooses, and their headers are as far from the core as the number of flows makes them. No port
// clears the data, so the frames written at the start stay.
class FramePool {
public:
    explicit FramePool(unsigned flows);
    ~FramePool();
    FramePool(const FramePool&) = delete;
    FramePool& operator=(const FramePool&) = delete;

    // Writes all frames, which are in the pool: mixed at first.
    void fill(Traffic traffic);
    // A new order, and the buffers put into the last one: they only change places, none is touched.
    void shuffle();
    void arrange();
    // All frames come from this address, or (nothing) from the one that each had at first.
    void set_source(const std::optional<Mac>& mac);
    // In the present order, `each` frames go to the first of these addresses, as many to the next, and so on.
    void set_destinations(const std::vector<Mac>& members, unsigned each);
    [[nodiscard]] rte_mempool* get() const { return pool_; }
    [[nodiscard]] unsigned size() const { return static_cast<unsigned>(buffers_.size()); }
    [[nodiscard]] bool complete() const { return rte_mempool_avail_count(pool_) == size(); }

private:
    rte_mempool* pool_;
    std::vector<void*> buffers_, order_;
    std::vector<std::pair<rte_mbuf*, Mac>> sources_;
    std::mt19937_64 random_{1};
    bool in_runs_ = false;
};

// Null ports: `busy` ones give full bursts, `idle` ones nothing, and all swallow what they are given.
struct Ports {
    Ports(rte_mempool* pool, unsigned members, unsigned silent);
    std::vector<Port> busy, idle;
    Port logical;
};

// Null devices of the plug-in's own: it configures its members, and receives from them while nobody polls it.
void make_plugin_members();

// How members receive. filtered: their hardware lets through what is not the bond's, and all is.
// kernel_sockets: checksums may be undone, and none is.
enum class Receiving : std::uint8_t { plain, filtered, kernel_sockets };

// A case of the table: what both implementations are set to.
struct Setting {
    Mode mode = Mode::balance_rr;
    HashPolicy policy = HashPolicy::layer2;
    std::uint16_t packets_per_slave = 1;
    Receiving receiving = Receiving::plain;
    [[nodiscard]] bool in_net_bonding() const; // whether net_bonding has the like
    [[nodiscard]] std::string name() const;
};

// librte_net_bond's bond over the given members, which it configures and starts.
class TheirBond {
public:
    TheirBond(const std::vector<std::uint16_t>& members, rte_mempool* pool);
    ~TheirBond();
    TheirBond(const TheirBond&) = delete;
    TheirBond& operator=(const TheirBond&) = delete;

    void set(const Setting& setting);
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    std::vector<std::uint16_t> members_;
    std::string name_;
    std::uint16_t port_;
};

// The plug-in net_dpdkbond, which EAL has loaded, over the first of its devices.
class PluginBond {
public:
    PluginBond(unsigned members, const Setting& setting, rte_mempool* pool);
    ~PluginBond();
    PluginBond(const PluginBond&) = delete;
    PluginBond& operator=(const PluginBond&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    std::uint16_t port_ = 0;
};

// Ours: the snapshot that a Bond with the mode's controller compiles, and one worker's lane.
class OurBond {
public:
    OurBond(const std::vector<std::uint16_t>& members, const Setting& setting, std::uint16_t logical_port);

    Lane& lane() { return *lane_; }
    [[nodiscard]] const Snapshot& snapshot() const { return *snapshot_; }
    [[nodiscard]] Snapshot& snapshot() { return *snapshot_; }

private:
    std::unique_ptr<Controller> controller_;
    std::unique_ptr<Snapshot> snapshot_;
    std::atomic<const Snapshot*> slot_;
    std::unique_ptr<Lane> lane_;
};

} // namespace dpdkbond::bench

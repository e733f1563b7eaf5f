// SPDX-License-Identifier: BSD-3-Clause
// Ports that give back what they are sent (net_ring), a pool, and a bond with one worker's lane over them.
// One process, one EAL: main() makes the World, tests make Rigs. Frames carry a number each, so that a test
// knows them again.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <memory>
#include <vector>

#include "bond/bond.hpp"
#include "datapath/lane.hpp"
#include "dpdk/eal.hpp"
#include "dpdk/port.hpp"
#include "drivers/registry.hpp"

namespace dpdkbond::testing {

using Numbers = std::vector<std::uint32_t>;
using Frames = std::vector<rte_mbuf*>;

class World {
public:
    static constexpr unsigned kMembers = 10;
    static constexpr unsigned kBuffers = 16383;

    World();
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    static World& get();

    Eal eal;
    rte_mempool* pool;
    std::vector<Port> members;
    std::unique_ptr<Port> logical;
};

// Fails its test when buffers are missing, or too many, at the end of its life.
class NothingLost {
public:
    NothingLost();
    ~NothingLost();

private:
    unsigned before_;
};

// A UDP frame over IPv4 of flow `flow`: equal flows, equal headers.
rte_mbuf* frame(std::uint32_t number, std::uint32_t flow = 0);
rte_mbuf* igmp_frame(std::uint32_t number);
// TCP over IPv4 of `segments` times 100 bytes of payload, of which the first 100 are there, zero; no
// addresses or checksums. add_buffer() appends bytes in a buffer of their own.
rte_mbuf* tcp_head(unsigned segments);
void add_buffer(rte_mbuf* frame, std::uint16_t bytes, std::uint8_t filled_with);
std::uint32_t number_of(const rte_mbuf* m);
std::uint32_t flow_hash_of(std::uint32_t flow, HashPolicy policy);
Frames frames(std::uint32_t first_number, unsigned n); // each of a flow of its own

Frames take(std::uint16_t port);          // all that lies in a port's ring
Numbers take_numbers(std::uint16_t port); // … freed, their numbers
unsigned fill_up(std::uint16_t port);     // until it takes nothing; how many that were

// What the world's member has sent, as BondQueries asks.
inline std::uint64_t sent_by(MemberId id) { return World::get().members[id.value].stats().obytes; }

class Rig {
public:
    Rig(Mode mode, unsigned members, BondOptions options = {});
    ~Rig(); // empties the ports

    void set_link(unsigned member, bool up);
    void send(Frames burst);
    [[nodiscard]] std::uint16_t port(unsigned member) const { return World::get().members[member].id(); }
    [[nodiscard]] std::uint64_t sent(unsigned member) const { return lane.counters.member[member].tx.get(); }
    [[nodiscard]] std::uint64_t received(unsigned member) const {
        return lane.counters.member[member].rx.get();
    }
    [[nodiscard]] std::uint64_t dropped(unsigned member, DropReason reason) const {
        return lane.counters.member[member].drops[static_cast<unsigned>(reason)].get();
    }
    [[nodiscard]] std::uint64_t dropped(DropReason reason) const {
        return lane.counters.drops[static_cast<unsigned>(reason)].get();
    }

private:
    const ModeDescriptor* mode_;
    std::unique_ptr<Controller> controller_;
    std::atomic<const Snapshot*> slot_{nullptr};

public:
    const unsigned count;
    Bond bond;
    Snapshot snapshot; // as of the last set_link()
    Lane lane;
};

} // namespace dpdkbond::testing

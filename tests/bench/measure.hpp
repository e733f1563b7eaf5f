// SPDX-License-Identifier: BSD-3-Clause
// Times bursts against the bare member's. A round passes each frame of the pool once through one
// implementation, the time of taking the buffers included; a measurement is many rounds of bare, theirs,
// bare, ours in turn, on the same frames in the same order. What an implementation adds is its round less the
// mean of the round's two bares, and the bares' difference, which should be nothing, is the noise. Rounds
// whose bares took 1.2 times the quickest do not count, and others are made in their place for some seconds.
#pragma once

#include <functional>

#include "testbed.hpp"

namespace dpdkbond::bench {

enum class Direction { tx, rx };

struct Cell {
    Direction direction = Direction::tx;
    Setting setting;
    unsigned members = 2;
    std::uint16_t burst = 32;
    Traffic traffic = Traffic::mixed; // what the pool's frames are
};

struct Spread {
    double median = 0;
    double low = 0, high = 0; // quartiles
    [[nodiscard]] double width() const { return high - low; }
};

struct Figures { // TSC cycles a packet
    double bare = 0;
    Spread theirs, ours; // above bare
    Spread plugin;       // above bare: ours through rte_eth_tx_burst() on net_dpdkbond
    Spread split;        // above bare: the burst cut into equal parts, one for each member, without looking
    Spread least;        // above bare: looking at each header, and choices made before
    Spread control;      // bare above bare
    bool has_theirs = false, has_plugin = false, has_least = false;
    unsigned rounds = 0; // that count
    // In which bare was much slower than at best: the processor was somebody else's too. As many as `rounds`
    // where all were so, and all count.
    unsigned left_out = 0;
};

struct Effort {
    unsigned rounds = 1000; // of each measurement, undisturbed ones
    double seconds = 0;     // more than 0: as many rounds as this takes instead
    bool plugin = false;    // EAL has it
    bool at_once = false;   // ours sends each burst at once, as when the next look finds nothing
};

Figures measure(const Cell& cell, FramePool& pool, const Ports& ports, TheirBond& theirs,
                const Effort& effort);

} // namespace dpdkbond::bench

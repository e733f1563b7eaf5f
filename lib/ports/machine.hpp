// SPDX-License-Identifier: BSD-3-Clause
// What this machine lacks for a configuration. Any ordinary thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options/model.hpp"

namespace dpdkbond {

// The processors of the file that are neither among those usable nor kept free for whoever asks (isolcpus=),
// with the key; empty: none.
std::string missing_processors(const RuntimeConfig& runtime, std::vector<unsigned> usable);

// memory_mb is more than the machine has, with the key; empty: it is not.
std::string missing_memory(const RuntimeConfig& runtime, std::uint64_t machine_mb);
std::uint64_t machine_memory_mb();

struct Lack {
    std::string text; // with the key
    bool stops;       // a start with it ends in an error, so a restart is not to begin
};

// Those and memory; a name for the logical interface; members' devices, the netdev of `carrier:`, or that the
// kernel uses the device; a driver's name that looks misspelt. `running`: what this process runs already, so
// that what it holds itself is no lack; null: nothing. `usable`: the process's processors.
std::vector<Lack> machine_lacks(const Config& config, std::vector<unsigned> usable,
                                const Config* running = nullptr);

} // namespace dpdkbond

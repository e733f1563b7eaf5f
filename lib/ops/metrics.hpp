// SPDX-License-Identifier: BSD-3-Clause
// The page of OpenMetrics 1.0 that `runtime.metrics` serves: what the bonds and the workers say of
// themselves, as text. docs/metrics.md explains each metric.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "ops/instance.hpp"

namespace dpdkbond {

// How busy a worker was: the share of its time in rounds that found frames.
struct WorkerShare {
    unsigned lcore = 0;
    double busy_seconds = 0; // since the start
    double ratio = 0;        // of the last second or more, 0 … 1
};

// Turns the workers' running sums into shares of the time between two looks. Looks that follow one another
// within a second repeat the last ratio: the time between them says nothing. Owner: the thread that asks.
class BusyShares {
public:
    std::vector<WorkerShare> update(std::span<const WorkerView> workers);

private:
    struct Last {
        std::uint64_t busy_ns = 0, alive_ns = 0;
        double ratio = 0;
        bool seen = false;
    };
    std::map<unsigned, Last> last_; // by lcore
};

// The whole page, with the line "# EOF" at its end. Reads nothing but its arguments.
std::string metrics_page(std::span<const BondView> bonds, std::span<const WorkerShare> workers);

} // namespace dpdkbond

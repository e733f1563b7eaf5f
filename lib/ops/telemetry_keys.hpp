// SPDX-License-Identifier: BSD-3-Clause
// Names as keys of one telemetry dict, for which DPDK allows letters, digits, '_' and '/'. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace dpdkbond {

class TelemetryKeys {
public:
    // The name with '_' for what is not allowed; where that key is taken, with "_2", "_3" … behind it.
    std::string of(std::string_view name);

private:
    std::set<std::string> taken_;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>

#include "lacp/types.hpp"

namespace dpdkbond::lacp {

namespace {

struct SpeedCode {
    std::uint32_t mbps;
    std::uint16_t code; // 5 bits
};
constexpr std::uint16_t kUnknownSpeed = 31;
constexpr std::array<SpeedCode, 19> kSpeedCodes{{
    {1, 1},       {10, 2},      {100, 3},     {1000, 4},   {2500, 5},     {5000, 6},   {10000, 7},
    {14000, 8},   {20000, 9},   {25000, 10},  {40000, 11}, {50000, 12},   {56000, 13}, {100000, 14},
    {200000, 15}, {400000, 16}, {800000, 17}, {80000, 18}, {1600000, 19},
}};

} // namespace

Key make_key(std::uint16_t user_port_key, std::uint32_t speed_mbps, bool full_duplex) {
    const auto* known = std::find_if(kSpeedCodes.begin(), kSpeedCodes.end(),
                                     [&](const SpeedCode& entry) { return entry.mbps == speed_mbps; });
    const unsigned code = known == kSpeedCodes.end() ? kUnknownSpeed : known->code;
    return {
        static_cast<std::uint16_t>((user_port_key & 0x3ffU) << 6U | code << 1U | (full_duplex ? 1U : 0U))};
}

} // namespace dpdkbond::lacp

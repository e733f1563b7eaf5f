// SPDX-License-Identifier: BSD-3-Clause
// The section `spray:` of a balance-spray bond: its peers, the next hops that lead to each, and the
// granularity. Members are given by name, as they may join later or leave. Plain data with defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.hpp"
#include "base/mac.hpp"

namespace dpdkbond {

enum class SprayGranularity : std::uint8_t {
    packet,  // each frame takes the path that was given least
    flow,    // a flow keeps its path
    flowlet, // a flow may take another path after a pause
};

constexpr std::string_view spray_granularity_name(SprayGranularity g) {
    constexpr std::string_view names[] = {"packet", "flow", "flowlet"};
    return names[static_cast<unsigned>(g)];
}

struct SprayPathOptions {
    std::string member;
    std::optional<Ipv4> via{}; // the next hop, whose MAC is asked for …
    Mac mac{};                 // … or its MAC
    std::uint32_t weight = 0;  // 0: by the member's speed
    bool operator==(const SprayPathOptions&) const = default;
};

struct SprayPeerOptions {
    Ipv4 address{}; // the virtual one
    std::vector<SprayPathOptions> paths;
    bool operator==(const SprayPeerOptions&) const = default;
};

struct SprayAddress { // a member's own, by which peers reach it as their next hop
    std::string member;
    IpPrefix prefix{};
    bool operator==(const SprayAddress&) const = default;
};

struct SprayOptions {
    SprayGranularity granularity = SprayGranularity::packet;
    std::uint32_t flowlet_gap_us = 500;
    std::uint32_t probe_interval = 1000; // ms
    std::uint32_t probe_missed = 3;      // unanswered in a row: the path is out of use
    std::vector<SprayAddress> addresses;
    std::vector<SprayPeerOptions> peers;
    bool operator==(const SprayOptions&) const = default;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What a mode shows of itself: made by the mode (ModeQueries), shown by telemetry and console.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/mac.hpp"
#include "options/spray.hpp"

namespace dpdkbond {

struct Explanation {     // which member a flow would leave by, and why
    bool hashed = false; // the mode chooses by hash; else `reason` says how it chooses
    std::uint32_t hash = 0;
    std::uint32_t bucket = 0;
    std::uint32_t buckets = 0;
    std::string member;               // empty: none usable; "*": every usable member
    std::string reason;               // one sentence
    std::vector<std::string> paths{}; // balance-spray: the peer's, each with what becomes of it
};

struct BucketLoad {
    std::uint32_t bucket = 0; // kUnspreadFlows: what no bucket has, and leaves by the active member
    std::uint64_t bytes_per_s = 0;
};
inline constexpr std::uint32_t kUnspreadFlows = ~0U;

struct FlowLoad {
    std::string flow; // as flow_text() has it
    std::uint64_t bytes_per_s = 0;
};

struct MemberLoad { // what of a balancing mode's flows leaves by one member
    std::string member;
    std::uint32_t buckets = 0; // of the mode's table; balance-spray: places in the rounds of all peers
    std::optional<std::uint64_t> bytes_per_s{}; // nullopt: not measured
    std::vector<BucketLoad> by_bucket{};        // that carry something, the busiest first
    // Of all members' biggest flows those that leave by it, estimated by samples, the biggest first. Where
    // frames of a flow leave by all members, each one's share.
    std::vector<FlowLoad> biggest_flows{};
};

struct RlbClientView { // balance-alb: a neighbour, as seen from one address of ours
    std::string client, ours;
    Mac mac{};          // the client's; zero: not known yet
    std::string member; // by which it reaches us
    std::uint64_t updates = 0;
    std::optional<std::uint16_t> vlan; // the inner tag's
};

struct SprayPathView {
    std::string member;
    std::string via;          // the next hop's address; empty: its MAC was given
    Mac mac{};                // zero: not known yet
    std::string state;        // "no_link", "asking", "up", "silent"
    std::uint32_t weight = 0; // as it counts now
    std::uint64_t frames = 0; // that left by it
};

struct SprayPeerView {
    std::string address;
    std::vector<SprayPathView> paths;
};

struct SprayView {
    SprayOptions options;
    std::vector<SprayPeerView> peers; // as configured
};

} // namespace dpdkbond

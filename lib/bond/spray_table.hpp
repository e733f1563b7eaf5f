// SPDX-License-Identifier: BSD-3-Clause
// The part of a snapshot by which workers spray: for each peer's address its usable paths, and in which order
// they are taken. Compiled by control, never changed once published.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/ip.hpp"
#include "base/strong_id.hpp"

namespace dpdkbond {

inline constexpr std::size_t kMaxSprayPeers = 64;
inline constexpr std::size_t kMaxSprayPaths = 1024; // of all peers
inline constexpr std::size_t kSpraySlots = 256;

// Which path, by index: a map of buckets for flows; for packets and flowlets, which take the path that was
// given least, as often as its share is.
using SpraySlots = std::array<std::uint8_t, kSpraySlots>;

inline std::uint32_t ipv4_key(Ipv4 address) noexcept { // as the data path loads it
    std::uint32_t key = 0;
    std::memcpy(&key, address.bytes.data(), sizeof key);
    return key;
}

// The bucket of a flow in the map of make_spray_map().
constexpr std::size_t spray_bucket(std::uint32_t flow_hash) noexcept {
    static_assert(kSpraySlots == 1U << 8U);
    return (flow_hash * 0x9e37'79b1U) >> 24U;
}

struct SprayTarget {
    std::uint64_t destination = 0; // the next hop's MAC in memory order, in the lower 48 bits
    std::uint16_t counter = 0;     // the path's own, in SprayLane::frames
    std::uint8_t member = 0;
    std::uint16_t octet = 0; // what it costs (PathShares); granularity packet and flowlet
};

struct SprayPeer {
    std::uint32_t address = 0; // ipv4_key()
    std::uint32_t live = 0;    // bit path index: usable
    std::uint16_t slots = 0;   // 0: no path is usable
    std::uint16_t first = 0;   // of its paths in SprayTable::path
    SpraySlots slot{};
};

struct SprayTable {
    std::uint8_t peers = 0;
    std::uint16_t paths = 0;
    std::uint64_t flowlet_gap = 0;                     // in ticks of the workers' clock
    std::array<std::uint32_t, kMaxMembers> own{};      // ipv4_key() of members' next-hop addresses; 0: none
    std::array<std::uint8_t, kMaxSprayPeers * 2> at{}; // by hash of the address: the peer's index + 1
    std::array<SprayPeer, kMaxSprayPeers> peer{};
    std::array<SprayTarget, kMaxSprayPaths> path{};

    void clear() noexcept {
        peers = 0;
        paths = 0;
        own = {};
        at = {};
    }
    // The new peer, or nullptr when there is no room. An address may be added once.
    SprayPeer* add(std::uint32_t address) noexcept {
        if (peers == kMaxSprayPeers) return nullptr;
        std::size_t slot = slot_of(address);
        while (at[slot] != 0) slot = (slot + 1) % at.size();
        SprayPeer& p = peer[peers];
        p = {};
        p.address = address;
        p.first = paths;
        at[slot] = ++peers;
        return &p;
    }
    [[nodiscard]] const SprayPeer* find(std::uint32_t address) const noexcept {
        for (std::size_t slot = slot_of(address); at[slot] != 0; slot = (slot + 1) % at.size())
            if (peer[at[slot] - 1U].address == address) return &peer[at[slot] - 1U];
        return nullptr;
    }
    [[nodiscard]] std::size_t index(const SprayPeer& p) const noexcept {
        return static_cast<std::size_t>(&p - peer.data());
    }
    [[nodiscard]] bool is_own(std::uint32_t address) const noexcept {
        return address != 0 && std::find(own.begin(), own.end(), address) != own.end();
    }

private:
    static constexpr std::size_t slot_of(std::uint32_t address) noexcept {
        static_assert(kMaxSprayPeers * 2 == 128);
        return (address * 0x9e37'79b1U) >> 25U;
    }
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The data half of balance-spray. IPv4 to a peer leaves by one of the peer's usable paths, under that
// member's MAC and to the next hop's; its IP header stays as it is. All else leaves by the active member,
// under that one's MAC. Worker threads only.
#pragma once

#include <rte_cycles.h>

#include "datapath/hash_burst.hpp"
#include "datapath/offload.hpp"
#include "datapath/punt_neighbors.hpp"
#include "datapath/tx_engine.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

// What becomes of a frame that is not sprayed. `active`: stage it for the active member; `gone`: it was an
// ARP request and has been answered. Neighbours must not learn the bond's MAC, which no member may wear: ARP
// and neighbour discovery say the active's. An ARP request for a peer is answered here, as no device on the
// wire would answer it.
enum class Unsprayed : std::uint8_t { active, gone };
[[gnu::cold]] Unsprayed tend_neighbor(Lane& lane, const Snapshot& s, rte_mbuf* frame) noexcept;

// The MAC that a peer has for the kernel: always the same, of no card.
std::uint64_t peer_mac(std::uint32_t address) noexcept;

// ---- which path of a peer, by index; asked only when the peer has one

// That which was given least (PathShares).
class PathGivenLeast {
public:
    static constexpr bool kForEachFrame = true; // of a super-frame, which is cut before
    // Octets that a frame takes on the wire besides itself: preamble, checksum and the gap to the next (802.3
    // 3.1, 4.4.2).
    static constexpr std::uint32_t kAroundAFrame = 8 + 4 + 12;
    PathGivenLeast(Lane& lane, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t) noexcept
        : given_(lane.spray.given), table_(s.spray), frames_(frames) {}
    unsigned operator()(const SprayPeer& peer, std::uint16_t i) noexcept {
        return give(peer, std::min(frames_[i]->pkt_len + kAroundAFrame, 65'536U));
    }
    // For so many octets, 65,536 at most.
    unsigned give(const SprayPeer& peer, std::uint32_t octets) noexcept {
        PathShares& given = given_[table_.index(peer)];
        const unsigned path = given.least(peer.live);
        given.add(path, octets, table_.path[peer.first + path].octet);
        return path;
    }

private:
    std::array<PathShares, kMaxSprayPeers>& given_;
    const SprayTable& table_;
    rte_mbuf* const* const frames_;
};

class PathByFlow {
public:
    static constexpr bool kForEachFrame = false;
    PathByFlow(Lane&, const Snapshot&, rte_mbuf* const* frames, std::uint16_t n) noexcept {
        hash_burst<HashPolicy::layer34>(frames, n, hash_);
    }
    unsigned operator()(const SprayPeer& peer, std::uint16_t i) const noexcept {
        return peer.slot[spray_bucket(hash_[i])];
    }

private:
    std::uint32_t hash_[kMaxBurst];
};

class PathByFlowlet {
public:
    static constexpr bool kForEachFrame = false;
    PathByFlowlet(Lane& lane, const Snapshot& s, rte_mbuf* const* frames, std::uint16_t n) noexcept
        : in_turn_(lane, s, frames, n), flowlets_(lane.spray.flowlets), gap_(s.spray.flowlet_gap),
          now_(rte_rdtsc()) {
        hash_burst<HashPolicy::layer34>(frames, n, hash_);
    }
    unsigned operator()(const SprayPeer& peer, std::uint16_t i) noexcept {
        // Nobody knows how long a flowlet will be: all count alike.
        return flowlets_.pick(hash_[i], now_, gap_, peer.live, [&]() noexcept {
            return static_cast<std::uint8_t>(in_turn_.give(peer, kOneFlowlet));
        });
    }

private:
    static constexpr std::uint32_t kOneFlowlet = 1514 + PathGivenLeast::kAroundAFrame;
    PathGivenLeast in_turn_;
    Flowlets& flowlets_;
    const std::uint64_t gap_, now_;
    std::uint32_t hash_[kMaxBurst];
};

// ---- the burst

inline void put_macs(std::uint8_t* f, std::uint64_t destination, std::uint64_t source) noexcept {
    const std::uint64_t first8 = destination | source << 48U;
    const auto last4 = static_cast<std::uint32_t>(source >> 16U);
    std::memcpy(f, &first8, 8);
    std::memcpy(f + 8, &last4, 4);
}

// The peer that a frame goes to; nullptr: it is not sprayed. A buffer has room for headers, come what may.
inline const SprayPeer* peer_of(const Snapshot& s, const std::uint8_t* f, std::uint16_t type) noexcept {
    return type == ethertype::ipv4 && (f[0] & 1U) == 0 ? s.spray.find(load_raw32(f + 30)) : nullptr;
}

template <class Path>
void spray_frames(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    Path path(lane, s, frames, n);
    const std::uint64_t active_mac = s.mac[s.active.value];
    stage(lane, s, n, [&](auto& counts) noexcept {
        rte_mbuf** const* const of = lane.stage.of.data();
        for (std::uint16_t i = 0; i < n; ++i) {
            auto* f = rte_pktmbuf_mtod(frames[i], std::uint8_t*);
            const std::uint16_t type = load_be16(f + 12);
            const SprayPeer* const peer = peer_of(s, f, type);
            if (peer != nullptr) [[likely]] {
                if (peer->slots == 0) [[unlikely]] {
                    drop(lane.counters.drops[static_cast<unsigned>(DropReason::no_path)], &frames[i], 1);
                    continue;
                }
                const SprayTarget& to = s.spray.path[peer->first + path(*peer, i)];
                put_macs(f, to.destination, s.mac[to.member]);
                lane.spray.frames[to.counter].add(1);
                of[to.member][counts.add(to.member, 1)] = frames[i];
                continue;
            }
            if (may_be_neighbor_frame(f, type) && tend_neighbor(lane, s, frames[i]) == Unsprayed::gone)
                continue;
            if (mac_key(f + 6) == s.bond_mac) std::memcpy(f + 6, &active_mac, 6); // a guest's stays its own
            of[s.active.value][counts.add(s.active.value, 1)] = frames[i];
        }
    });
}

// Some for each path, so that these take turns on their wires: long runs on one make the rest late at the
// other end.
inline constexpr unsigned kCutAtOnce = 8;

// A super-frame to a peer, as the frames that it stands for: each leaves by a path of its own, and is
// counted.
template <class Path> void spray_cut(Lane& lane, const Snapshot& s, rte_mbuf* super) noexcept {
    std::uint64_t pieces = 0;
    const CutResult done = cut<kCutAtOnce>(super, [&](rte_mbuf** frames, std::uint16_t n) noexcept {
        spray_frames<Path>(lane, s, frames, n);
        pieces += n;
        return true;
    });
    rte_pktmbuf_free(super);
    if (done == CutResult::all) {
        lane.counters.down.add(pieces - 1); // it was counted as one
        return;
    }
    lane.counters.down.add(pieces);
    lane.counters.drops[static_cast<unsigned>(DropReason::no_buffer)].add(1); // the rest
}

template <class Path> void spray(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (s.tx_count == 0) [[unlikely]] {
        drop(lane.counters.drops[static_cast<unsigned>(DropReason::no_member)], frames, n);
        return;
    }
    std::uint16_t first = 0; // of those that are sprayed together
    if (Path::kForEachFrame && lane.logical.offloads != Offloads::none) {
        for (std::uint16_t i = 0; i < n; ++i) {
            const auto* f = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
            if (!is_super(frames[i]) || peer_of(s, f, load_be16(f + 12)) == nullptr) continue;
            if (first < i) spray_frames<Path>(lane, s, frames + first, static_cast<std::uint16_t>(i - first));
            spray_cut<Path>(lane, s, frames[i]);
            first = static_cast<std::uint16_t>(i + 1);
        }
    }
    if (first < n) spray_frames<Path>(lane, s, frames + first, static_cast<std::uint16_t>(n - first));
}

} // namespace dpdkbond

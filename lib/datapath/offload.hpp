// SPDX-License-Identifier: BSD-3-Clause
// What the sender of a frame left to be done: its TCP or UDP checksum, or its cutting into segments (a frame
// of up to 64 KB, a super-frame). It is told in the mbuf as DPDK tells PMDs of it: flags RTE_MBUF_F_TX_*, the
// checksum starts at l2_len + l3_len, where the inner header lies in an encapsulated frame, and its field
// holds the pseudo header's sum; of a super-frame that sum is over its whole length (as virtio-net has it),
// the headers end at l2_len + l3_len + l4_len, and each segment has tso_segsz bytes behind them. Worker
// threads only.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "base/offloads.hpp"

namespace dpdkbond {

inline constexpr std::uint64_t kToCut = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG;
inline constexpr std::uint64_t kUndone = RTE_MBUF_F_TX_L4_MASK | kToCut;

inline bool is_super(const rte_mbuf* m) noexcept { return (m->ol_flags & kToCut) != 0; }
bool is_plain_tcp_super(
    const rte_mbuf* m) noexcept; // TCP, and no congestion mark (CWR) that is the first segment's alone
inline std::uint32_t headers_of_super(const rte_mbuf* m) noexcept {
    return static_cast<std::uint32_t>(m->l2_len + m->l3_len + m->l4_len);
}

// Whether a port takes it so.
inline bool may_stay_undone(const rte_mbuf* m, Offloads port) noexcept {
    if (port == Offloads::all || (m->ol_flags & kUndone) == 0) return true;
    return port == Offloads::tcp && (!is_super(m) || is_plain_tcp_super(m));
}

// Makes a frame with work undone one that a NIC's hardware takes: flags, lengths and sums as drivers of NICs
// want them, as if by rte_net_intel_cksum_prepare(). False: it does not take it, and the frame still is what
// complete_undone() and Cutter take. So it is with encapsulation, two tags, IPv6 extension headers, UDP
// super-frames, congestion marks, a super-frame of one segment or one that others hold too, and more buffers
// than the hardware reads. rte_eth_tx_prepare() has the last word.
bool prepare_for_nic(rte_mbuf* m, Offloads nic, const NicLimits& limits) noexcept;

// The length of the longest frame that is sent of it.
inline std::uint32_t longest_frame(const rte_mbuf* m) noexcept {
    return is_super(m) ? headers_of_super(m) + m->tso_segsz : m->pkt_len;
}

// Tells the mbuf that a checksum that starts at `start` and lies `offset` behind it is undone; what cannot be
// told is completed at once. False: the frame does not have these bytes.
bool leave_checksum(rte_mbuf* m, std::uint32_t start, std::uint32_t offset) noexcept;
// From what DPDK's virtio driver tells of a received frame to what is told here. One that makes no sense
// passes as it is.
void read_virtio_flags(rte_mbuf* m) noexcept;
// Completes an undone checksum of a frame that is no super-frame, and says so.
void complete_undone(rte_mbuf* m) noexcept;
// Whether the headers of a super-frame are such that Cutter can write each segment's: IPv4 or IPv6, not
// encapsulated, TCP or UDP, behind up to two tags. l2_len, l3_len and l4_len are set then, from the frame and
// where its checksum starts.
bool describe_super(rte_mbuf* m, std::uint32_t checksum_start, bool tcp) noexcept;

// Cuts a super-frame into whole frames, checksums done, as hardware would: the IPv4 id rises by one, FIN and
// PSH are the last segment's, CWR the first one's.
class Cutter {
public:
    explicit Cutter(const rte_mbuf* super) noexcept;
    [[nodiscard]] unsigned count() const noexcept { return count_; }
    // Writes the next one into an empty buffer; false: it does not fit.
    bool next(rte_mbuf* piece) noexcept;

private:
    const rte_mbuf* const super_;
    const rte_mbuf* from_;      // where the payload goes on
    std::uint32_t from_offset_; // in it
    std::uint32_t left_;        // bytes of payload
    std::uint32_t done_ = 0;    // … in earlier segments
    unsigned count_, index_ = 0;
};

enum class CutResult : std::uint8_t { all, refused, no_buffer };

// Gives all segments of a super-frame to `take`, some at a time, until it says false: all of those are its.
// The super-frame stays the caller's; the segments' buffers are of its pool.
template <unsigned AtOnce = 32, class Take> CutResult cut(const rte_mbuf* super, Take take) noexcept {
    Cutter cutter(super);
    rte_mbuf* pieces[AtOnce];
    for (unsigned left = cutter.count(); left != 0;) {
        const unsigned n = left < AtOnce ? left : AtOnce;
        if (rte_pktmbuf_alloc_bulk(super->pool, pieces, n) != 0) return CutResult::no_buffer;
        for (unsigned i = 0; i < n; ++i) {
            if (cutter.next(pieces[i])) continue;
            rte_pktmbuf_free_bulk(pieces, n);
            return CutResult::no_buffer;
        }
        if (!take(pieces, static_cast<std::uint16_t>(n))) return CutResult::refused;
        left -= n;
    }
    return CutResult::all;
}

} // namespace dpdkbond

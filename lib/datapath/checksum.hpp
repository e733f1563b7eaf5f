// SPDX-License-Identifier: BSD-3-Clause
// Frames that never left the machine (a veth or tap peer) may carry a TCP or UDP checksum that the sender
// left to hardware: only the pseudo header's sum stands in the field. Seen through a packet socket nothing
// else marks them, so a field that equals that sum is taken as unfinished and completed. A finished checksum
// that happens to equal it is completed to itself.
#pragma once

#include <cstdint>

struct rte_mbuf;

namespace dpdkbond {

// The one's complement sum of `length` bytes from `from` on, which the frame has.
std::uint16_t raw_sum(const rte_mbuf* frame, std::uint32_t from, std::uint32_t length) noexcept;

// The one's complement sum of what TCP and UDP add to theirs: addresses, protocol, length from their own
// header on (RFC 9293, 3.1; RFC 8200, 8.1). `ip`: the IP header. To be folded with what else is summed up.
std::uint32_t pseudo_sum(const std::uint8_t* ip, bool v6, std::uint8_t protocol,
                         std::uint32_t length) noexcept;

// Worker threads; keeps ownership with the caller; touches the header's cache line, and the payload only when
// there is something to complete. Returns whether it completed one.
bool complete_checksum(rte_mbuf* frame) noexcept;

} // namespace dpdkbond

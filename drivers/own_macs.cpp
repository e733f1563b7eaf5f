// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/own_macs.hpp"

#include <cstring>

#include "base/bytes.hpp"
#include "datapath/eight_types.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

void put_destination(rte_mbuf* m, std::uint64_t mac) noexcept {
    std::memcpy(rte_pktmbuf_mtod(m, std::uint8_t*), &mac, 6);
}

std::uint8_t* bytes_of(const rte_mbuf* m) noexcept { return rte_pktmbuf_mtod(m, std::uint8_t*); }

constexpr std::uint8_t kIcmpv6 = 58;
bool is_ip_but_icmpv6(const std::uint8_t* f) noexcept {
    const std::uint16_t type = load_be16(f + 12);
    return type == ethertype::ipv4 || (type == ethertype::ipv6 && f[20] != kIcmpv6);
}

// `change`: one destination ^ the other, as mac_key() has them. The first bytes of the source, which are
// loaded and stored too, stay as they are.
void change_destination(std::uint8_t* f, std::uint64_t change) noexcept {
    std::uint64_t both;
    std::memcpy(&both, f, sizeof both);
    both ^= change;
    std::memcpy(f, &both, sizeof both);
}

// The quick part of take_by_mac(): from the front on, as long as frames are sent to the member's MAC (most
// are), they get the bond's and stay where they are. Returns how many. Most bursts are such frames alone,
// which is found without a branch for each.
std::uint16_t take_own(const Snapshot& s, std::uint8_t member, rte_mbuf* const* frames,
                       std::uint16_t n) noexcept {
    const std::uint64_t own = s.mac[member], change = own ^ s.bond_mac;
    const auto other = [&](unsigned i) { return mac_key(bytes_of(frames[i])) ^ own; };
    std::uint64_t others = 0;
#pragma GCC unroll 4
    for (std::uint16_t i = 0; i < n; ++i) others |= other(i);
    std::uint16_t count = n;
    if (others != 0) [[unlikely]]
        for (count = 0; other(count) == 0;) ++count;
    if (change == 0) return count;
    for (std::uint16_t i = 0; i < count; ++i) change_destination(bytes_of(frames[i]), change);
    return count;
}

enum class Whose : std::uint8_t { nobodys, a_members, a_lost_members };
Whose whose(const Snapshot& s, std::uint64_t mac) noexcept {
    for (unsigned k = 0; k < s.rx_count; ++k)
        if (s.mac[s.rx[k].id] == mac)
            return s.senders.has(MemberId{s.rx[k].id}) ? Whose::a_members : Whose::a_lost_members;
    return Whose::nobodys;
}

// take_by_mac() from frame `from` on: those before it stay.
[[gnu::noinline]] std::uint16_t take_rest(Lane& lane, const Snapshot& s, std::uint8_t member,
                                          rte_mbuf** frames, std::uint16_t from, std::uint16_t n) noexcept {
    const bool active = member == s.active.value, groups = s.rx_groups.has(MemberId{member});
    std::uint16_t kept = from;
    for (std::uint16_t i = from; i < n; ++i) {
        rte_mbuf* const m = frames[i];
        const std::uint64_t to = mac_key(rte_pktmbuf_mtod(m, const std::uint8_t*));
        bool up = groups;
        if (to == s.mac[member]) {
            if (to != s.bond_mac) put_destination(m, s.bond_mac);
            up = true;
        } else if ((to & 1U) == 0 && active) {
            const Whose w = whose(s, to);
            if (w == Whose::a_lost_members) put_destination(m, s.bond_mac);
            up = w != Whose::a_members;
        }
        if (up)
            frames[kept++] = m;
        else
            drop(lane.counters.member[member].drops[static_cast<unsigned>(DropReason::inactive_member)],
                 &frames[i], 1);
    }
    return kept;
}

} // namespace

std::uint16_t take_own_ip(const Snapshot& s, std::uint8_t member, rte_mbuf* const* frames,
                          std::uint16_t n) noexcept {
    const std::uint64_t own = s.mac[member], change = own ^ s.bond_mac;
    std::uint16_t i = 0;
#ifdef __SSE4_1__
    for (; i + 8 <= n; i = static_cast<std::uint16_t>(i + 8)) {
        std::uint8_t* f[8];
        std::uint64_t others = 0;
        for (unsigned k = 0; k < 8; ++k) {
            f[k] = bytes_of(frames[i + k]);
            others |= mac_key(f[k]) ^ own;
        }
        // A buffer has room for a header, whatever is in it.
        const __m128i types = eight_of([&](unsigned k) { return load_raw16(f[k] + 12); }),
                      next_headers = eight_of([&](unsigned k) { return f[k][20]; });
        const __m128i icmpv6 = _mm_cmpeq_epi16(next_headers, _mm_set1_epi16(kIcmpv6));
        const __m128i ip = _mm_or_si128(have_type(types, ethertype::ipv4),
                                        _mm_andnot_si128(icmpv6, have_type(types, ethertype::ipv6)));
        if ((others | static_cast<unsigned>(_mm_movemask_epi8(ip) ^ 0xffff)) != 0) break;
        if (change != 0)
            for (std::uint8_t* const frame : f) change_destination(frame, change);
    }
#endif
    for (; i < n; ++i) {
        std::uint8_t* const f = bytes_of(frames[i]);
        if (mac_key(f) != own || !is_ip_but_icmpv6(f)) break;
        change_destination(f, change);
    }
    return i;
}

std::uint16_t take_by_mac(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept {
    const std::uint16_t i = take_own(s, member, frames, n);
    return i == n ? n : take_rest(lane, s, member, frames, i, n);
}

} // namespace dpdkbond

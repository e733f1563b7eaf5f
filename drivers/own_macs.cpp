// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/own_macs.hpp"

#include <rte_byteorder.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include "base/bytes.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

namespace {

void put_destination(rte_mbuf* m, std::uint64_t mac) noexcept {
    std::memcpy(rte_pktmbuf_mtod(m, std::uint8_t*), &mac, 6);
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

std::uint16_t take_own_ip([[maybe_unused]] const Snapshot& s, [[maybe_unused]] std::uint8_t member,
                          [[maybe_unused]] rte_mbuf* const* frames,
                          [[maybe_unused]] std::uint16_t n) noexcept {
    std::uint16_t i = 0;
#ifdef __SSE4_1__
    const auto of_mac = [](std::uint64_t mac) { return _mm_cvtsi64_si128(static_cast<long long>(mac)); };
    const auto all = [](std::uint16_t v) { return _mm_set1_epi16(static_cast<short>(v)); };
    const auto first_eight = [](const std::uint8_t* f) {
        return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(f));
    };
    const std::uint64_t own = s.mac[member], change = own ^ s.bond_mac;
    constexpr std::uint16_t icmpv6 = 58;
    for (; i + 8 <= n; i = static_cast<std::uint16_t>(i + 8)) {
        std::uint8_t* f[8];
        __m128i others = _mm_setzero_si128();
        for (unsigned k = 0; k < 8; ++k) {
            f[k] = rte_pktmbuf_mtod(frames[i + k], std::uint8_t*);
            others = _mm_or_si128(others, _mm_xor_si128(first_eight(f[k]), of_mac(own)));
        }
        // A buffer has room for a header, whatever is in it.
        const auto type = [&](unsigned k) { return static_cast<short>(load_raw16(f[k] + 12)); };
        const auto next = [&](unsigned k) { return short{f[k][20]}; };
        const __m128i types = _mm_setr_epi16(type(0), type(1), type(2), type(3), type(4), type(5), type(6),
                                             type(7)),
                      nexts = _mm_setr_epi16(next(0), next(1), next(2), next(3), next(4), next(5), next(6),
                                             next(7));
        const __m128i v4 = _mm_cmpeq_epi16(types, all(rte_cpu_to_be_16(ethertype::ipv4))),
                      v6 = _mm_cmpeq_epi16(types, all(rte_cpu_to_be_16(ethertype::ipv6)));
        const __m128i plain = _mm_or_si128(v4, _mm_andnot_si128(_mm_cmpeq_epi16(nexts, all(icmpv6)), v6));
        const auto other_macs = static_cast<std::uint64_t>(_mm_cvtsi128_si64(others)) << 16U;
        if ((other_macs | static_cast<unsigned>(_mm_movemask_epi8(plain) ^ 0xffff)) != 0) break;
        if (change == 0) continue;
        for (std::uint8_t* const frame : f) // the destination; the first bytes of the source stay as they are
            _mm_storel_epi64(reinterpret_cast<__m128i*>(frame),
                             _mm_xor_si128(first_eight(frame), of_mac(change)));
    }
#endif
    return i;
}

std::uint16_t take_by_mac(Lane& lane, const Snapshot& s, std::uint8_t member, rte_mbuf** frames,
                          std::uint16_t n) noexcept {
    const std::uint16_t i = take_own(s, member, frames, n, [](const std::uint8_t*) { return 0U; });
    return i == n ? n : take_rest(lane, s, member, frames, i, n);
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// flow_hash() for a burst: by eights where the processor has AVX2, then by fours, then, and where there is no
// SSE, one by one. Eights and fours with frames of unusual kinds among them are looked at once more, behind a
// tag where there is one; what is left is hashed one by one by flow_hash(), which is the rule. Any thread;
// the caller keeps the frames; never reads beyond data_len.
#pragma once

#include "datapath/hash_eights.hpp"
#include "datapath/hash_fours.hpp"
#include "datapath/lane.hpp"
#include "dpdk/simd.hpp"

namespace dpdkbond {

// hashes[i] = flow_hash<P>() of frames[i], for n <= kMaxBurst; hashes has room for kMaxBurst. avx2: whether
// it may be used.
template <HashPolicy P>
inline void hash_burst(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* hashes,
                       [[maybe_unused]] bool avx2 = may_use_avx2()) noexcept {
    static_assert(kMaxBurst <= 64);
    std::uint64_t unusual = 0; // bit i
    std::uint16_t i = 0;
#ifdef __SSE4_1__
    using namespace hash_burst_detail;
    const auto put = [&](std::uint16_t at, const Four& four) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(hashes + at), four.hashes);
        unusual |= std::uint64_t{four.usual ^ 0xfU} << at;
    };
    if (avx2) [[likely]] {
        using hash_eights_detail::Usual;
        if (P != HashPolicy::vlan_srcmac && tags_expected(frames)) // which knows tags anyway
            i = hash_eights<P, Usual::tagged>(frames, n, hashes, unusual);
        else
            i = hash_eights<P, Usual::plain>(frames, n, hashes, unusual);
        if (unusual != 0) hash_eights_again<P>(frames, hashes, unusual);
    }
    const std::uint16_t first = i;
    const bool plain = !unusual_expected<P>(frames);
    if (plain)
        for (; i + 4 <= n; i = static_cast<std::uint16_t>(i + 4)) put(i, hash_four<P>(frames + i));
    else
        for (; i + 4 <= n; i = static_cast<std::uint16_t>(i + 4))
            put(i, hash_four_behind_tags<P>(frames + i));
    for (std::uint16_t k = plain ? first : i; unusual != 0 && k < i; k = static_cast<std::uint16_t>(k + 4)) {
        if ((unusual >> k & 0xfU) == 0) continue;
        auto* const out = reinterpret_cast<__m128i*>(hashes + k);
        const Four four = hash_four_behind_tags<P>(frames + k);
        _mm_storeu_si128(out, among(four.usual, four.hashes, _mm_loadu_si128(out)));
        unusual &= ~(std::uint64_t{four.usual} << k);
    }
#endif
    if (i < n) unusual |= (~std::uint64_t{0} << i) & (~std::uint64_t{0} >> (64U - n));
    for (; unusual != 0; unusual &= unusual - 1) {
        const auto k = static_cast<unsigned>(__builtin_ctzll(unusual));
        hashes[k] = flow_hash<P>(rte_pktmbuf_mtod(frames[k], const std::uint8_t*), frames[k]->data_len);
    }
}

} // namespace dpdkbond

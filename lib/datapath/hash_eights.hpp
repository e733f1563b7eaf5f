// SPDX-License-Identifier: BSD-3-Clause
// flow_hash() for eight frames at a time where the processor has AVX2, one in each 32-bit lane. As with fours
// (hash_fours.hpp), frames of the usual kinds are hashed without a branch between them, and others are told.
// Which kinds are usual the caller chooses (Usual): the fewer, the quicker. Any thread; the caller keeps the
// frames; never reads beyond data_len.
#pragma once

#ifdef __x86_64__
#include <immintrin.h>
#include <rte_mbuf.h>

#include <array>

#include "datapath/hash_fours.hpp"
#include "flow/hash.hpp"

// A function that is compiled for AVX2, whatever the rest of its file is compiled for, and becomes part of
// its caller, which is compiled so too.
#define DPDKBOND_AVX2 [[gnu::target("avx2"), gnu::always_inline]] inline

namespace dpdkbond {

namespace hash_eights_detail {

using namespace flow_hash_detail;
using hash_burst_detail::begins_with_tag, hash_burst_detail::kNone, hash_burst_detail::kTag,
    hash_burst_detail::load16;

// plain: untagged TCP and UDP over IPv4 without options, whole, and over IPv6. tagged: with a tag too. all:
// also fragments, what has no ports, and by layer2+3 and layer3+4 what is not IP.
enum class Usual : std::uint8_t { plain, tagged, all };

struct Eight {
    __m256i hashes;
    unsigned usual;         // bit i: frame i is of the usual kind and its hash is right
    bool too_short = false; // some are, and so none was looked at
};

// A constant in each lane; in memory, as there are more of them than registers.
template <std::uint32_t V> struct alignas(32) InAllLanes {
    std::uint32_t lane[8] = {V, V, V, V, V, V, V, V};
    static const InAllLanes value;
};
template <std::uint32_t V> constexpr InAllLanes<V> InAllLanes<V>::value;
template <std::uint32_t V> DPDKBOND_AVX2 __m256i all8() noexcept {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(InAllLanes<V>::value.lane));
}
template <std::uint32_t V> DPDKBOND_AVX2 __m256i equal(__m256i a) noexcept {
    return _mm256_cmpeq_epi32(a, all8<V>());
}
template <std::uint32_t V> DPDKBOND_AVX2 __m256i bits(__m256i a) noexcept {
    return _mm256_and_si256(a, all8<V>());
}
DPDKBOND_AVX2 __m256i either(__m256i mask, __m256i a, __m256i b) noexcept {
    return _mm256_blendv_epi8(b, a, mask);
}
// a in the lanes whose bit is set, b in the others.
DPDKBOND_AVX2 __m256i among8(unsigned mask, __m256i a, __m256i b) noexcept {
    const __m256i lane_bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(static_cast<int>(mask)), lane_bits);
    return either(_mm256_cmpeq_epi32(set, lane_bits), a, b);
}
DPDKBOND_AVX2 unsigned lanes8(__m256i mask) noexcept {
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
}
// In one piece: GCC makes two of _mm256_loadu_si256().
DPDKBOND_AVX2 __m256i load32(const std::uint8_t* p) noexcept {
    return _mm256_lddqu_si256(reinterpret_cast<const __m256i*>(p));
}
// 16 bytes of two frames, the first in the low half.
DPDKBOND_AVX2 __m256i two_loads(const std::uint8_t* a, const std::uint8_t* b) noexcept {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load16(a)), load16(b), 1);
}

// 32 bytes of four frames, turned: the low half of w[k] holds word k of each, the high half word k + 4.
struct Turned {
    __m256i w[4];
};
DPDKBOND_AVX2 Turned turned(const std::uint8_t* const* f, unsigned offset) noexcept {
    const __m256i va = load32(f[0] + offset), vb = load32(f[1] + offset), vc = load32(f[2] + offset),
                  vd = load32(f[3] + offset);
    const __m256i ab_low = _mm256_unpacklo_epi32(va, vb), cd_low = _mm256_unpacklo_epi32(vc, vd);
    const __m256i ab_high = _mm256_unpackhi_epi32(va, vb), cd_high = _mm256_unpackhi_epi32(vc, vd);
    return {{_mm256_unpacklo_epi64(ab_low, cd_low), _mm256_unpackhi_epi64(ab_low, cd_low),
             _mm256_unpacklo_epi64(ab_high, cd_high), _mm256_unpackhi_epi64(ab_high, cd_high)}};
}
// Of two fours, one value of each frame.
DPDKBOND_AVX2 __m256i low_words(__m256i a, __m256i b) noexcept {
    return _mm256_permute2x128_si256(a, b, 0x20);
}
DPDKBOND_AVX2 __m256i high_words(__m256i a, __m256i b) noexcept {
    return _mm256_permute2x128_si256(a, b, 0x31);
}

// The XOR of the four words from `offset` on.
DPDKBOND_AVX2 __m256i four_words(const std::uint8_t* const f[8], unsigned offset) noexcept {
    const __m256i a = two_loads(f[0] + offset, f[4] + offset), b = two_loads(f[1] + offset, f[5] + offset);
    const __m256i c = two_loads(f[2] + offset, f[6] + offset), d = two_loads(f[3] + offset, f[7] + offset);
    const __m256i ab = _mm256_xor_si256(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    const __m256i cd = _mm256_xor_si256(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    return _mm256_xor_si256(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
}

// Which bytes make a word; kNone: zero.
constexpr std::uint32_t word_of(int lowest, int b1, int b2, int highest) noexcept {
    return static_cast<std::uint32_t>(lowest | b1 << 8 | b2 << 16) | static_cast<std::uint32_t>(highest)
                                                                         << 24U;
}
// Two words of each frame, made of the 16 bytes from `from` on, where the count begins.
struct Chosen {
    __m256i first, second;
};
DPDKBOND_AVX2 Chosen chosen(const std::uint8_t* const f[8], unsigned from, std::uint32_t first,
                            std::uint32_t second = word_of(kNone, kNone, kNone, kNone)) noexcept {
    const __m256i which = _mm256_set1_epi64x(static_cast<long long>(std::uint64_t{second} << 32U | first));
    const __m256i a = _mm256_shuffle_epi8(two_loads(f[0] + from, f[4] + from), which),
                  b = _mm256_shuffle_epi8(two_loads(f[1] + from, f[5] + from), which),
                  c = _mm256_shuffle_epi8(two_loads(f[2] + from, f[6] + from), which),
                  d = _mm256_shuffle_epi8(two_loads(f[3] + from, f[7] + from), which);
    const __m256i ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
    return {_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd)};
}

DPDKBOND_AVX2 __m256i fold8(__m256i h) noexcept {
    h = _mm256_xor_si256(h, _mm256_srli_epi32(h, 16));
    return _mm256_xor_si256(h, _mm256_srli_epi32(h, 8));
}

// Frames of at least 16 bytes behind their tags, by vlan+srcmac 18. behind: where they would begin without.
template <HashPolicy P, bool Tagged>
DPDKBOND_AVX2 Eight eight_by_mac(const std::uint8_t* const f[8],
                                 const std::uint8_t* const behind[8]) noexcept {
    const __m256i type_dst5_src5 = chosen(f, 0, word_of(13, 12, 5, 11)).first;
    const bool inner = Tagged && P == HashPolicy::layer2;
    const __m256i type =
        inner ? chosen(behind, 0, word_of(13, 12, kNone, kNone)).first : bits<0xffff>(type_dst5_src5);
    const __m256i tagged = _mm256_or_si256(equal<0x8100>(type), equal<0x88a8>(type));
    if constexpr (P == HashPolicy::layer2) {
        const __m256i dst5 = _mm256_srli_epi32(type_dst5_src5, 16),
                      src5 = _mm256_srli_epi32(type_dst5_src5, 24);
        return {_mm256_xor_si256(type, bits<0xff>(_mm256_xor_si256(dst5, src5))),
                Tagged ? 0xffU : lanes8(tagged) ^ 0xffU}; // a second tag is a type
    } else {
        const Chosen source = chosen(f, 0, word_of(8, 7, 6, kNone), word_of(11, 10, 9, kNone));
        const __m256i tag = chosen(f, 0, word_of(15, 14, kNone, kNone)).first;
        return {
            _mm256_xor_si256(_mm256_xor_si256(source.first, source.second), _mm256_and_si256(tagged, tag)),
            0xff};
    }
}

// Sets of IP protocols below 64, and from 128 to 143: for the high half of a number a bit, for the low half a
// table of bits. Tables of 16 bytes stand twice, as each half of a register looks up for itself.
using ByHalf = std::array<std::uint8_t, 32>;
constexpr std::uint8_t bit_of_high(unsigned high) noexcept {
    return static_cast<std::uint8_t>(high < 4 ? 1U << high : high == 8 ? 1U << 4U : 0);
}
alignas(32) inline constexpr ByHalf kHighHalves = [] {
    ByHalf bits_of{};
    for (unsigned i = 0; i < bits_of.size(); ++i) bits_of[i] = bit_of_high(i % 16);
    return bits_of;
}();
template <unsigned... Numbers>
alignas(32) inline constexpr ByHalf kLowHalves = [] {
    static_assert(((bit_of_high(Numbers / 16) != 0) && ...));
    ByHalf bits_of{};
    for (const unsigned n : {Numbers...})
        for (const unsigned half : {0U, 16U}) bits_of[half + n % 16] |= bit_of_high(n / 16);
    return bits_of;
}();

// One protocol in each lane, in the second lowest byte, the others zero.
class Protocol {
public:
    DPDKBOND_AVX2 explicit Protocol(__m256i numbers) noexcept
        : low_(bits<0x0f00>(numbers)),
          high_(_mm256_shuffle_epi8(load(kHighHalves), bits<0x0f00>(_mm256_srli_epi32(numbers, 4)))) {}
    template <unsigned... Numbers> DPDKBOND_AVX2 __m256i is_one_of() const noexcept {
        const __m256i low = _mm256_shuffle_epi8(load(kLowHalves<Numbers...>), low_);
        return _mm256_cmpgt_epi32(bits<0xff00>(_mm256_and_si256(low, high_)), _mm256_setzero_si256());
    }

private:
    DPDKBOND_AVX2 static __m256i load(const ByHalf& table) noexcept {
        return _mm256_load_si256(reinterpret_cast<const __m256i*>(table.data()));
    }
    __m256i low_, high_;
};

// What is not IP, by layer2.
struct OtherThanIp {
    __m256i which, hashes;
    // type: in the upper two bytes, in memory order; macs: dst[5] ^ src[5].
    DPDKBOND_AVX2 OtherThanIp(__m256i type, __m256i ip, __m256i macs) noexcept {
        const __m256i tag = _mm256_or_si256(equal<0x00810000>(type), equal<0xa8880000>(type));
        which = _mm256_andnot_si256(_mm256_or_si256(ip, tag), all8<~0U>());
        const __m256i value =
            _mm256_or_si256(_mm256_srli_epi32(type, 24), bits<0xff00>(_mm256_srli_epi32(type, 8)));
        hashes = _mm256_xor_si256(macs, value);
    }
};

// Frames of at least kV6End + kPorts bytes behind their tags. f: where they would begin without; macs: where
// they do begin. Of IPv6 all that is hashed but the MACs lies in a row: the addresses from byte 22 to 53,
// then the ports.
template <HashPolicy P, Usual U>
DPDKBOND_AVX2 Eight eight_by_ip(const std::uint8_t* const f[8], const std::uint8_t* const macs[8]) noexcept {
    const Turned a = turned(f, 10), b = turned(f + 4, 10); // words from byte 10, 14, … 38
    const __m256i from10 = low_words(a.w[0], b.w[0]), from18 = low_words(a.w[2], b.w[2]),
                  from22 = low_words(a.w[3], b.w[3]);
    const __m256i type = bits<0xffff0000>(from10), v4 = equal<0x00080000>(type), v6 = equal<0xdd860000>(type),
                  ip = _mm256_or_si256(v4, v6), zero = _mm256_setzero_si256();
    // In the second lowest byte.
    const __m256i protocol = bits<0xff00>(either(v6, _mm256_srli_epi32(from18, 8), from22));
    const __m256i without_options = equal<0x45>(bits<0xff>(low_words(a.w[1], b.w[1])));
    // Of IPv4: neither a fragment nor the first part of one.
    const __m256i whole = _mm256_cmpeq_epi32(bits<0xff3f0000>(from18), zero);
    __m256i usual, v4_ports = high_words(a.w[2], b.w[2]);
    if constexpr (P == HashPolicy::layer23) {
        const __m256i icmp = _mm256_or_si256(equal<(1U << 8U)>(protocol), equal<(58U << 8U)>(protocol));
        usual = _mm256_andnot_si256(icmp, ip);
    } else if constexpr (U == Usual::all) {
        const Protocol found(protocol);
        const __m256i has_ports = found.is_one_of<6, 17, 33, 50, 132, 136>();
        // What IPv6 alone follows (0, 43, 44, 60) is not told from IPv4's, where it has no ports.
        const __m256i other_rules = P == HashPolicy::layer34
                                        ? found.is_one_of<1, 51, 58>()
                                        : found.is_one_of<0, 1, 4, 41, 43, 44, 47, 51, 58, 60, 137>();
        v4_ports = _mm256_and_si256(v4_ports, _mm256_and_si256(has_ports, whole));
        usual = _mm256_or_si256(
            _mm256_andnot_si256(_mm256_and_si256(other_rules, whole), _mm256_and_si256(v4, without_options)),
            _mm256_and_si256(v6, has_ports));
    } else {
        const __m256i tcp_or_udp = _mm256_or_si256(equal<(6U << 8U)>(protocol), equal<(17U << 8U)>(protocol));
        const __m256i plain_v4 = _mm256_and_si256(v4, _mm256_and_si256(without_options, whole));
        usual = _mm256_and_si256(tcp_or_udp, _mm256_or_si256(plain_v4, v6));
    }

    const __m256i a26 = _mm256_xor_si256(a.w[0], a.w[1]), b26 = _mm256_xor_si256(b.w[0], b.w[1]);
    const __m256i v4_addresses = high_words(a26, b26);
    __m256i h, dst5_src5 = zero;
    if constexpr (uses_layer2(P) || (P == HashPolicy::layer34 && U == Usual::all)) {
        const Chosen mac = chosen(macs, 0, word_of(5, kNone, kNone, kNone), word_of(11, kNone, kNone, kNone));
        dst5_src5 = _mm256_xor_si256(mac.first, mac.second);
    }
    if constexpr (uses_layer2(P)) {
        const __m256i from26to37 = high_words(_mm256_xor_si256(a26, a.w[2]), _mm256_xor_si256(b26, b.w[2]));
        const __m256i v6_addresses =
            _mm256_xor_si256(_mm256_xor_si256(from22, from26to37), four_words(f, 38));
        const __m256i start = _mm256_xor_si256(dst5_src5, either(v6, all8<0x86dd>(), all8<0x0800>()));
        h = fold8(_mm256_xor_si256(start, either(v6, v6_addresses, v4_addresses)));
    } else {
        const __m256i from26to41 = high_words(_mm256_xor_si256(a26, _mm256_xor_si256(a.w[2], a.w[3])),
                                              _mm256_xor_si256(b26, _mm256_xor_si256(b.w[2], b.w[3])));
        const __m256i v6_all = _mm256_xor_si256(_mm256_xor_si256(from22, from26to41), four_words(f, 42));
        const __m256i v4_all = _mm256_xor_si256(v4_addresses, v4_ports);
        h = _mm256_srli_epi32(fold8(either(v6, v6_all, v4_all)), 1);
    }
    if constexpr (U == Usual::all && (P == HashPolicy::layer23 || P == HashPolicy::layer34)) {
        const OtherThanIp other(type, ip, dst5_src5);
        h = either(other.which, other.hashes, h);
        usual = _mm256_or_si256(usual, other.which);
    }
    return {h, lanes8(usual)};
}

// Where frames of at least 14 bytes, or in buffers with room for so many, would begin without their tags; f
// itself, unless they may have some.
template <bool Tagged>
inline const std::uint8_t* const* find_behind_tags(const std::uint8_t* const f[8],
                                                   const std::uint8_t* behind_tags[8]) noexcept {
    if constexpr (!Tagged) return f;
    for (unsigned k = 0; k < 8; ++k) behind_tags[k] = f[k] + begins_with_tag(f[k]) * kTag;
    return behind_tags;
}

// Eight of which some are shorter, as IPv4 may be: by fours. Returns which are of the usual kind.
template <HashPolicy P, Usual U>
[[gnu::cold, gnu::noinline]] unsigned hash_short_eight(rte_mbuf* const* m, std::uint32_t* hashes) noexcept {
    unsigned usual = 0;
    for (const unsigned k : {0U, 4U}) {
        const hash_burst_detail::Four four = U == Usual::plain
                                                 ? hash_burst_detail::hash_four<P>(m + k)
                                                 : hash_burst_detail::hash_four_behind_tags<P>(m + k);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(hashes + k), four.hashes);
        usual |= four.usual << k;
    }
    return usual;
}

// Eight frames.
template <HashPolicy P, Usual U> DPDKBOND_AVX2 Eight hash_eight(rte_mbuf* const* m) noexcept {
    constexpr bool tags = U != Usual::plain;
    constexpr bool by_mac = P == HashPolicy::layer2 || P == HashPolicy::vlan_srcmac;
    constexpr std::uint32_t kLeast =
        P == HashPolicy::vlan_srcmac ? 18 : (tags ? kTag : 0) + (by_mac ? 16 : kV6End + kPorts);
    const std::uint8_t* f[8];
    std::uint32_t too_short = 0; // its highest bit
    for (unsigned k = 0; k < 8; ++k) {
        f[k] = rte_pktmbuf_mtod(m[k], const std::uint8_t*);
        too_short |= m[k]->data_len - kLeast;
    }
    if (too_short >> 31U != 0) [[unlikely]]
        return {_mm256_setzero_si256(), 0, true};
    const std::uint8_t* behind_tags[8];
    const std::uint8_t* const* const behind = find_behind_tags<tags>(f, behind_tags);
    if constexpr (by_mac)
        return eight_by_mac<P, tags>(f, behind);
    else
        return eight_by_ip<P, U>(behind, f);
}

} // namespace hash_eights_detail

// hashes[i] = flow_hash<P>() of as many of n frames as make eights; returns how many those are. What is not
// hashed has its bit set in `unusual`.
template <HashPolicy P, hash_eights_detail::Usual U>
[[gnu::target("avx2")]] std::uint16_t hash_eights(rte_mbuf* const* frames, std::uint16_t n,
                                                  std::uint32_t* hashes, std::uint64_t& unusual) noexcept {
    using namespace hash_eights_detail;
    std::size_t i = 0;
    std::uint64_t others = 0;
    for (; i + 8 <= n; i += 8) {
        Eight eight = hash_eight<P, U>(frames + i);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(hashes + i), eight.hashes);
        if (eight.too_short) [[unlikely]]
            eight.usual = hash_short_eight<P, U>(frames + i, hashes + i);
        others |= std::uint64_t{eight.usual ^ 0xffU} << i;
    }
    unusual = others;
    return static_cast<std::uint16_t>(i);
}

// The unusual ones once more, as far as they are usual to hash_eight<P, Usual::all>().
template <HashPolicy P>
[[gnu::target("avx2")]] void hash_eights_again(rte_mbuf* const* frames, std::uint32_t* hashes,
                                               std::uint64_t& unusual) noexcept {
    using namespace hash_eights_detail;
    for (std::uint64_t left = unusual; left != 0;) {
        const auto i = static_cast<unsigned>(__builtin_ctzll(left)) / 8 * 8;
        left &= ~(std::uint64_t{0xff} << i);
        const Eight eight = hash_eight<P, Usual::all>(frames + i);
        auto* const out = reinterpret_cast<__m256i*>(hashes + i);
        _mm256_storeu_si256(out, among8(eight.usual, eight.hashes, _mm256_loadu_si256(out)));
        unusual &= ~(std::uint64_t{eight.usual} << i);
    }
}

} // namespace dpdkbond
#endif

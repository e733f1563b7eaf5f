// SPDX-License-Identifier: BSD-3-Clause
// flow_hash() for four frames at a time, one in each 32-bit lane of SSE registers (every x86 that DPDK runs
// on has SSE4.2), without a branch between them, as a wrong guess at what comes next costs more than a hash.
// Lanes hold frames of the usual kinds: untagged, and for the IP policies plain IPv4 or IPv6; others are
// told, not hashed. A second set of functions looks behind a tag, and for layer2+3 and layer3+4 at MACs where
// there is no IP. Any thread; the caller keeps the frames; never reads beyond data_len.
#pragma once

#include <rte_mbuf.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include "flow/hash.hpp"

namespace dpdkbond {

#ifdef __SSE4_1__
namespace hash_burst_detail {

using namespace flow_hash_detail;

struct Four {
    __m128i hashes;
    unsigned usual; // bit i: frame i is of the usual kind and its hash is right
};

inline __m128i all(std::uint32_t v) noexcept { return _mm_set1_epi32(static_cast<int>(v)); }
inline __m128i load16(const std::uint8_t* p) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline unsigned lanes(__m128i mask) noexcept {
    return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(mask)));
}

// 16 bytes of four frames as four words in memory order, turned: w[k] holds word k of each. The compiler
// leaves out what is not used.
struct Words {
    __m128i w[4];
    Words(const std::uint8_t* const f[4], unsigned offset) noexcept {
        const __m128i a = load16(f[0] + offset), b = load16(f[1] + offset), c = load16(f[2] + offset),
                      d = load16(f[3] + offset);
        const __m128i ab_low = _mm_unpacklo_epi32(a, b), cd_low = _mm_unpacklo_epi32(c, d);
        const __m128i ab_high = _mm_unpackhi_epi32(a, b), cd_high = _mm_unpackhi_epi32(c, d);
        w[0] = _mm_unpacklo_epi64(ab_low, cd_low);
        w[1] = _mm_unpackhi_epi64(ab_low, cd_low);
        w[2] = _mm_unpacklo_epi64(ab_high, cd_high);
        w[3] = _mm_unpackhi_epi64(ab_high, cd_high);
    }
};

// dst[5] ^ src[5], from words whose first bytes are the frame's bytes 4 and 8.
inline __m128i mac_xor(__m128i from4, __m128i from8) noexcept {
    return _mm_and_si128(_mm_xor_si128(_mm_srli_epi32(from4, 8), _mm_srli_epi32(from8, 24)), all(0xff));
}

// Four bytes of each frame, from its first 16: lane i holds frame i's.
inline __m128i bytes_of(const std::uint8_t* const f[4], int lowest, int b1, int b2, int highest) noexcept {
    const __m128i chosen = _mm_cvtsi32_si128(lowest | b1 << 8 | b2 << 16 | highest << 24);
    const auto word = [&](unsigned i) { return _mm_shuffle_epi8(load16(f[i]), chosen); };
    return _mm_unpacklo_epi64(_mm_unpacklo_epi32(word(0), word(1)), _mm_unpacklo_epi32(word(2), word(3)));
}

inline __m128i is_tag(__m128i type) noexcept {
    return _mm_or_si128(_mm_cmpeq_epi32(type, all(0x8100)), _mm_cmpeq_epi32(type, all(0x88a8)));
}
constexpr int kNone = 0x80; // for bytes_of(): zero

// The source address's vendor half ^ its device half.
inline __m128i source_xor(const std::uint8_t* const f[4]) noexcept {
    return _mm_xor_si128(bytes_of(f, 8, 7, 6, kNone), bytes_of(f, 11, 10, 9, kNone));
}

// Frames of at least 16 bytes.
template <HashPolicy P> inline Four four_by_mac(const std::uint8_t* const f[4]) noexcept {
    const __m128i type_dst5_src5 = bytes_of(f, 13, 12, 5, 11),
                  type = _mm_and_si128(type_dst5_src5, all(0xffff));
    const unsigned usual = lanes(is_tag(type)) ^ 0xfU;
    if constexpr (P == HashPolicy::layer2) {
        const __m128i dst5 = _mm_srli_epi32(type_dst5_src5, 16), src5 = _mm_srli_epi32(type_dst5_src5, 24);
        return {_mm_xor_si128(type, _mm_and_si128(_mm_xor_si128(dst5, src5), all(0xff))), usual};
    } else {
        return {source_xor(f), usual};
    }
}

// Frames of at least 20 bytes; behind: 4 bytes further in frames that have a tag.
template <HashPolicy P>
inline Four four_by_mac_behind_tags(const std::uint8_t* const f[4],
                                    const std::uint8_t* const behind[4]) noexcept {
    if constexpr (P == HashPolicy::layer2) {
        const __m128i type = bytes_of(behind, 13, 12, kNone, kNone), macs = bytes_of(f, 5, 11, kNone, kNone);
        const __m128i both = _mm_xor_si128(macs, _mm_srli_epi32(macs, 8));
        return {_mm_xor_si128(type, _mm_and_si128(both, all(0xff))), 0xf};
    } else {
        const __m128i tagged = is_tag(bytes_of(f, 13, 12, kNone, kNone));
        const __m128i tag = _mm_and_si128(tagged, bytes_of(f, 15, 14, kNone, kNone));
        return {_mm_xor_si128(source_xor(f), tag), 0xf};
    }
}

inline __m128i either(__m128i mask, __m128i a, __m128i b) noexcept { return _mm_blendv_epi8(b, a, mask); }

// a in the lanes whose bit is set, b in the others.
inline __m128i among(unsigned mask, __m128i a, __m128i b) noexcept {
    const __m128i bits = _mm_setr_epi32(1, 2, 4, 8);
    return either(_mm_cmpeq_epi32(_mm_and_si128(all(mask), bits), bits), a, b);
}

inline __m128i words_at(const std::uint8_t* const f[4], unsigned offset) noexcept {
    const auto word = [&](unsigned i) { return static_cast<int>(load_raw32(f[i] + offset)); };
    return _mm_setr_epi32(word(0), word(1), word(2), word(3));
}

// The XOR of all eight words of both IPv6 addresses.
inline __m128i v6_addresses(const std::uint8_t* const f[4]) noexcept {
    const auto half = [&](unsigned i) { return _mm_xor_si128(load16(f[i] + 22), load16(f[i] + 38)); };
    const auto fold = [](__m128i a, __m128i b) {
        return _mm_xor_si128(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    };
    const __m128i ab = fold(half(0), half(1)), cd = fold(half(2), half(3));
    return _mm_xor_si128(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd));
}

// Frames of at least kV4End + kPorts bytes, for WithV6 of kV6End + kPorts, behind their tags. f: where they
// would begin without; macs: where they do begin.
template <HashPolicy P, bool WithV6, bool Tagged = false>
inline Four four_by_ip(const std::uint8_t* const f[4], const std::uint8_t* const macs[4]) noexcept {
    const Words head(f, 8); // from byte 8, 12, 16, 20
    const __m128i type = _mm_and_si128(head.w[1], all(0xffff)), fragment_ttl_protocol = head.w[3];
    __m128i protocol = _mm_srli_epi32(fragment_ttl_protocol, 24);
    __m128i ethertype = all(0x0800), start, addresses, usual;
    if constexpr (P == HashPolicy::layer23) {
        usual = _mm_cmpeq_epi32(type, all(0x0008));
    } else { // without options, no fragment
        const __m128i odd =
            _mm_or_si128(_mm_and_si128(_mm_xor_si128(head.w[1], all(0x00450008)), all(0x00ffffff)),
                         _mm_and_si128(fragment_ttl_protocol, all(0x0000ff3f)));
        usual = _mm_cmpeq_epi32(odd, _mm_setzero_si128());
    }
    if constexpr (uses_layer2(P)) {
        const Words ip(f, 18); // from byte 18, 22, 26, 30
        addresses = _mm_xor_si128(ip.w[2], ip.w[3]);
    } else {
        const Words ip(f, 22); // from byte 22, 26, 30, 34
        addresses = _mm_xor_si128(ip.w[1], ip.w[2]);
        start = ip.w[3];
    }
    if constexpr (WithV6) {
        const __m128i v6 = _mm_cmpeq_epi32(type, all(0xdd86));
        usual = _mm_or_si128(usual, v6);
        protocol = either(v6, _mm_and_si128(fragment_ttl_protocol, all(0xff)), protocol);
        addresses = either(v6, v6_addresses(f), addresses);
        ethertype = either(v6, all(0x86dd), ethertype);
        if constexpr (!uses_layer2(P)) start = either(v6, words_at(f, kV6End), start);
    }
    if constexpr (uses_layer2(P))
        start = _mm_xor_si128(mac_xor(words_at(macs, 4), Tagged ? words_at(macs, 8) : head.w[0]), ethertype);
    if constexpr (P == HashPolicy::layer23)
        usual = _mm_andnot_si128(
            _mm_or_si128(_mm_cmpeq_epi32(protocol, all(1)), _mm_cmpeq_epi32(protocol, all(58))), usual);
    else
        usual = _mm_and_si128(
            usual, _mm_or_si128(_mm_cmpeq_epi32(protocol, all(6)), _mm_cmpeq_epi32(protocol, all(17))));

    __m128i h = _mm_xor_si128(start, addresses);
    h = _mm_xor_si128(h, _mm_srli_epi32(h, 16));
    h = _mm_xor_si128(h, _mm_srli_epi32(h, 8));
    if constexpr (!uses_layer2(P)) h = _mm_srli_epi32(h, 1);
    if constexpr (Tagged && (P == HashPolicy::layer23 || P == HashPolicy::layer34)) {
        // What is no IP is hashed by its MACs and its type.
        const __m128i ip =
            _mm_or_si128(_mm_cmpeq_epi32(type, all(0x0008)), _mm_cmpeq_epi32(type, all(0xdd86)));
        const __m128i tag =
            _mm_or_si128(_mm_cmpeq_epi32(type, all(0x0081)), _mm_cmpeq_epi32(type, all(0xa888)));
        const __m128i other = _mm_andnot_si128(_mm_or_si128(ip, tag), all(~0U));
        const __m128i type_value =
            _mm_and_si128(_mm_or_si128(_mm_slli_epi32(type, 8), _mm_srli_epi32(type, 8)), all(0xffff));
        h = either(other, _mm_xor_si128(mac_xor(words_at(macs, 4), words_at(macs, 8)), type_value), h);
        usual = _mm_or_si128(usual, other);
    }
    return {h, lanes(usual)};
}

inline bool all_have(rte_mbuf* const m[4], std::uint32_t bytes) noexcept {
    return (m[0]->data_len >= bytes) & (m[1]->data_len >= bytes) & (m[2]->data_len >= bytes) &
           (m[3]->data_len >= bytes);
}

inline const std::uint8_t* start_of(const rte_mbuf* m) noexcept {
    return rte_pktmbuf_mtod(m, const std::uint8_t*);
}
inline constexpr std::uint32_t kTag = 4; // bytes
inline bool begins_with_tag(const std::uint8_t* f) noexcept {
    return flow_hash_detail::is_tag(load_be16(f + 12));
}

// Where four frames begin, and where they would without their tags.
struct FourStarts {
    const std::uint8_t* frame[4];
    const std::uint8_t* behind_tags[4];

    static FourStarts of(rte_mbuf* const m[4]) noexcept { // of untagged ones
        const std::uint8_t *const a = start_of(m[0]), *const b = start_of(m[1]), *const c = start_of(m[2]),
                                  *const d = start_of(m[3]);
        return {{a, b, c, d}, {a, b, c, d}};
    }
    static FourStarts behind(rte_mbuf* const m[4]) noexcept { // of at least 14 bytes each
        FourStarts at = of(m);
        for (unsigned i = 0; i < 4; ++i) at.behind_tags[i] += begins_with_tag(at.frame[i]) * kTag;
        return at;
    }
};

template <HashPolicy P> [[gnu::always_inline]] inline Four hash_four(rte_mbuf* const m[4]) noexcept {
    const FourStarts at = FourStarts::of(m);
    if constexpr (P == HashPolicy::layer2 || P == HashPolicy::vlan_srcmac) {
        if (all_have(m, 16)) [[likely]]
            return four_by_mac<P>(at.frame);
    } else {
        if (all_have(m, kV6End + kPorts)) [[likely]] // any Ethernet frame that was on a wire is
            return four_by_ip<P, true>(at.frame, at.frame);
        if (all_have(m, kV4End + kPorts)) return four_by_ip<P, false>(at.frame, at.frame);
    }
    return {_mm_setzero_si128(), 0};
}

// Four untagged frames of at least 16 bytes of which none is IP.
inline bool none_is_ip(const std::uint8_t* const f[4]) noexcept {
    const __m128i type = bytes_of(f, 13, 12, kNone, kNone);
    const __m128i ip = _mm_or_si128(_mm_cmpeq_epi32(type, all(0x0800)), _mm_cmpeq_epi32(type, all(0x86dd)));
    return lanes(_mm_or_si128(ip, is_tag(type))) == 0;
}

// Frames with a tag and without, and without IP.
template <HashPolicy P> inline Four hash_four_behind_tags(rte_mbuf* const m[4]) noexcept {
    constexpr bool by_mac = P == HashPolicy::layer2 || P == HashPolicy::vlan_srcmac;
    if (!all_have(m, kTag + (by_mac ? 16 : kV6End + kPorts))) [[unlikely]]
        return {_mm_setzero_si128(), 0};
    if constexpr (P == HashPolicy::layer23 || P == HashPolicy::layer34)
        if (const FourStarts at = FourStarts::of(m); none_is_ip(at.frame))
            return four_by_mac<HashPolicy::layer2>(at.frame);
    const FourStarts at = FourStarts::behind(m);
    if constexpr (by_mac)
        return four_by_mac_behind_tags<P>(at.frame, at.behind_tags);
    else
        return four_by_ip<P, true, true>(at.behind_tags, at.frame);
}

// What a burst is better looked at as from the start: its first frame stands for the rest.
inline bool tags_expected(rte_mbuf* const* frames) noexcept {
    return frames[0]->data_len >= 14 && begins_with_tag(start_of(frames[0]));
}
template <HashPolicy P> inline bool unusual_expected(rte_mbuf* const* frames) noexcept {
    if constexpr (P != HashPolicy::layer23 && P != HashPolicy::layer34) return tags_expected(frames);
    if (frames[0]->data_len < 14) return false;
    const std::uint32_t type = load_be16(start_of(frames[0]) + 12);
    return (type != 0x0800) & (type != 0x86dd);
}

} // namespace hash_burst_detail
#endif

} // namespace dpdkbond

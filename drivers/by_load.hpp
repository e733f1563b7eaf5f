// SPDX-License-Identifier: BSD-3-Clause
// The data half of balance-tlb and balance-alb. Unicast IP, but for neighbour discovery, is spread over the
// bond's buckets; all else leaves by the active member. What leaves by another member carries that member's
// MAC as its source, so that a switch sees each MAC on one port. Bytes are counted by bucket: control
// balances by them. Worker threads only.
#pragma once

#include "datapath/hash_burst.hpp"
#include "datapath/mode.hpp"
#include "datapath/tx_engine.hpp"

namespace dpdkbond {

bool is_spread(Bytes frame) noexcept;

std::uint32_t destination_hash(Bytes frame) noexcept;           // the XOR of the bytes of the address
Placing place_by_hash(const BondOptions& options, Bytes frame); // ModeDescriptor::place, by xmit_hash_policy

#ifdef __SSE4_1__
inline __m128i ip_but_icmp6(__m128i type, __m128i next_header) noexcept { // type in memory order
    using namespace hash_burst_detail;
    const __m128i icmp6 = _mm_cmpeq_epi32(next_header, all(58)), v6 = _mm_cmpeq_epi32(type, all(0xdd86));
    return _mm_or_si128(_mm_cmpeq_epi32(type, all(0x0008)), _mm_andnot_si128(icmp6, v6));
}

// Of eight frames the hash, of which a bucket's bits count, and all ones where it is IP but for ICMPv6,
// behind a tag only for place_eights<Key, true>().
struct EightPlaced {
    __m256i hashes, ip;
};
DPDKBOND_AVX2 __m256i ip_but_icmp6(__m256i type, __m256i next_header) noexcept { // type in memory order
    using namespace hash_eights_detail;
    return _mm256_or_si256(equal<0x0008>(type),
                           _mm256_andnot_si256(equal<58>(next_header), equal<0xdd86>(type)));
}
#endif

// ---- which bucket: by xmit_hash_policy …
template <HashPolicy Policy> struct ByPolicy {
    static constexpr bool in_fours = false;
    static void hash_all(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* out,
                         bool avx2 = may_use_avx2()) noexcept {
        hash_burst<Policy>(frames, n, out, avx2);
    }
#ifdef __SSE4_1__
    template <bool Tagged>
    DPDKBOND_AVX2 static EightPlaced eight(const std::uint8_t* const*, const std::uint8_t* const behind[8],
                                           __m256i hashed) noexcept {
        using namespace hash_eights_detail;
        const Chosen c =
            chosen(behind, 8, word_of(12 - 8, 13 - 8, kNone, kNone), word_of(20 - 8, kNone, kNone, kNone));
        return {hashed, ip_but_icmp6(c.first, c.second)};
    }
#endif
    static std::uint32_t hash(Bytes f) noexcept {
        return flow_hash<Policy>(f.data(), static_cast<std::uint32_t>(f.size()));
    }
};

// … or, in balance-alb, by the destination's address, so that a neighbour is sent to by one member (as
// Linux).
struct ByDestination {
#ifdef __SSE4_1__
    static constexpr bool in_fours = true;
    template <bool Tagged>
    static __m128i four(const hash_burst_detail::FourStarts& at, const hash_burst_detail::Words&,
                        __m128i v6) noexcept {
        using namespace hash_burst_detail;
        const std::uint8_t* const* const f = at.behind_tags;
        const auto fold = [](__m128i x, __m128i y) {
            return _mm_xor_si128(_mm_unpacklo_epi32(x, y), _mm_unpackhi_epi32(x, y));
        };
        const __m128i ab = fold(load16(f[0] + 38), load16(f[1] + 38)),
                      cd = fold(load16(f[2] + 38), load16(f[3] + 38));
        __m128i h = either(v6, _mm_xor_si128(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd)),
                           words_at(f, 30));
        h = _mm_xor_si128(h, _mm_srli_epi32(h, 16));
        return _mm_xor_si128(h, _mm_srli_epi32(h, 8));
    }
    template <bool Tagged>
    DPDKBOND_AVX2 static EightPlaced eight(const std::uint8_t* const*, const std::uint8_t* const f[8],
                                           __m256i) noexcept {
        using namespace hash_eights_detail;
        const Turned a = turned(f, 10), b = turned(f + 4, 10); // words from byte 10, 14, … 38
        const __m256i type = _mm256_srli_epi32(low_words(a.w[0], b.w[0]), 16);
        const __m256i next = bits<0xff>(_mm256_srli_epi32(low_words(a.w[2], b.w[2]), 16));
        const __m256i v4 = high_words(a.w[1], b.w[1]), v6 = four_words(f, 38);
        return {fold8(either(equal<0xdd86>(type), v6, v4)), ip_but_icmp6(type, next)};
    }
#else
    static constexpr bool in_fours = false;
    static void hash_all(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* out) noexcept {
        for (std::uint16_t i = 0; i < n; ++i)
            out[i] =
                destination_hash({rte_pktmbuf_mtod(frames[i], const std::uint8_t*), frames[i]->data_len});
    }
#endif
    static std::uint32_t hash(Bytes f) noexcept { return destination_hash(f); }
};

#ifdef __SSE4_1__
template <> struct ByPolicy<HashPolicy::layer2> {
    static constexpr bool in_fours = true;
    template <bool Tagged>
    static __m128i four(const hash_burst_detail::FourStarts& at, const hash_burst_detail::Words& head,
                        __m128i) noexcept {
        using namespace hash_burst_detail;
        const __m128i from8 = Tagged ? words_at(at.frame, 8) : head.w[0];
        return _mm_xor_si128(mac_xor(words_at(at.frame, 4), from8), _mm_srli_epi32(head.w[1], 8));
    }
    // Of untagged frames all that is asked for, the next header too, lies in the 16 bytes from the fifth on.
    template <bool Tagged>
    DPDKBOND_AVX2 static EightPlaced eight(const std::uint8_t* const f[8],
                                           const std::uint8_t* const behind[8], __m256i) noexcept {
        using namespace hash_eights_detail;
        const std::uint32_t macs = word_of(5 - 5, 11 - 5, kNone, kNone),
                            type = word_of(kNone, kNone, 13 - 5, kNone);
        const std::uint32_t macs_and_type = word_of(5 - 5, 11 - 5, 13 - 5, kNone);
        const Chosen c =
            chosen(behind, 5, Tagged ? type : macs_and_type, word_of(12 - 5, 13 - 5, 20 - 5, kNone));
        const __m256i h = Tagged ? _mm256_or_si256(c.first, chosen(f, 5, macs).first) : c.first;
        return {_mm256_xor_si256(_mm256_xor_si256(h, _mm256_srli_epi32(h, 8)), _mm256_srli_epi32(h, 16)),
                ip_but_icmp6(bits<0xffff>(c.second), _mm256_srli_epi32(c.second, 16))};
    }
    static void hash_all(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* out,
                         bool avx2 = may_use_avx2()) noexcept {
        hash_burst<HashPolicy::layer2>(frames, n, out, avx2);
    }
    static std::uint32_t hash(Bytes f) noexcept {
        return flow_hash<HashPolicy::layer2>(f.data(), static_cast<std::uint32_t>(f.size()));
    }
};
#endif

inline Bytes bytes_of(const rte_mbuf* m) noexcept {
    return {rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len};
}

#ifdef __SSE4_1__
// The buckets of four frames of untagged (Tagged: also of tagged) unicast IP but for ICMPv6, by Key if that
// hashes in fours, else from what bucket has; kUnspread for others. Returns which are such, a bit each.
// first_bytes gathers the first bytes of the destinations.
template <class Key, bool Tagged>
inline unsigned place_four(rte_mbuf* const* frames, std::uint32_t* bucket,
                           std::uint8_t& first_bytes) noexcept {
    using namespace hash_burst_detail;
    const FourStarts at = Tagged ? FourStarts::behind(frames) : FourStarts::of(frames);
    first_bytes =
        static_cast<std::uint8_t>(first_bytes | *at.frame[0] | *at.frame[1] | *at.frame[2] | *at.frame[3]);
    auto* const out = reinterpret_cast<__m128i*>(bucket);
    const Words head(at.behind_tags, 8); // from byte 8, 12, 16, 20
    const __m128i type = _mm_and_si128(head.w[1], all(0xffff)), next = _mm_and_si128(head.w[3], all(0xff));
    __m128i hashes;
    if constexpr (Key::in_fours)
        hashes = Key::template four<Tagged>(at, head, _mm_cmpeq_epi32(type, all(0xdd86)));
    else
        hashes = _mm_loadu_si128(out);
    const __m128i ip = ip_but_icmp6(type, next);
    const __m128i bucket_of = _mm_and_si128(hashes, all(kLoadBuckets - 1));
    _mm_storeu_si128(out, either(ip, bucket_of, all(kUnspread)));
    return lanes(ip);
}

// The same of as many of n frames as make eights; returns how many those are, and in `spread` which.
template <class Key, bool Tagged>
[[gnu::target("avx2")]] std::uint16_t place_eights(rte_mbuf* const* frames, std::uint16_t n,
                                                   std::uint32_t* bucket, std::uint64_t& spread,
                                                   std::uint8_t& first_bytes) noexcept {
    using namespace hash_eights_detail;
    std::size_t i = 0;
    std::uint64_t which = 0;
    std::uint8_t first = 0;
    for (; i + 8 <= n; i += 8) {
        rte_mbuf* const* const m = frames + i;
        const std::uint8_t *f[8], *behind_tags[8];
        for (unsigned k = 0; k < 8; ++k) {
            f[k] = rte_pktmbuf_mtod(m[k], const std::uint8_t*);
            first = static_cast<std::uint8_t>(first | *f[k]);
        }
        auto* const out = reinterpret_cast<__m256i*>(bucket + i);
        const std::uint8_t* const* const behind = find_behind_tags<Tagged>(f, behind_tags);
        __m256i hashed = _mm256_setzero_si256();
        if constexpr (!Key::in_fours) hashed = _mm256_loadu_si256(out);
        const EightPlaced placed = Key::template eight<Tagged>(f, behind, hashed);
        _mm256_storeu_si256(out,
                            either(placed.ip, bits<(kLoadBuckets - 1)>(placed.hashes), all8<kUnspread>()));
        which |= std::uint64_t{lanes8(placed.ip)} << i;
    }
    spread |= which;
    first_bytes = static_cast<std::uint8_t>(first_bytes | first);
    return static_cast<std::uint16_t>(i);
}

// As many of n frames as make eights, then fours; multicast taken out.
template <class Key, bool Tagged>
inline std::uint64_t place_in_lanes(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* bucket,
                                    bool avx2) noexcept {
    if constexpr (!Key::in_fours) Key::hash_all(frames, n, bucket, avx2);
    std::uint64_t spread = 0;
    std::uint8_t first_bytes = 0;
    std::uint16_t i = 0;
    if (avx2) [[likely]]
        i = place_eights<Key, Tagged>(frames, n, bucket, spread, first_bytes);
    for (; i + 4 <= n; i = static_cast<std::uint16_t>(i + 4))
        spread |= std::uint64_t{place_four<Key, Tagged>(frames + i, bucket + i, first_bytes)} << i;
    if ((first_bytes & 1U) != 0) [[unlikely]]
        for (std::uint16_t k = 0; k < i; ++k)
            if ((*bytes_of(frames[k]).data() & 1U) != 0) spread &= ~(std::uint64_t{1} << k);
    return spread;
}

inline bool any_tagged(rte_mbuf* const* frames, std::uint64_t which) noexcept {
    for (; which != 0; which &= which - 1)
        if (hash_burst_detail::begins_with_tag(bytes_of(frames[__builtin_ctzll(which)]).data())) return true;
    return false;
}
#endif

// The bucket of each frame: by Key if it is spread, else kUnspread. Returns which are spread, bit i for frame
// i. IP is told and placed eight and four frames at a time, without a branch between them; the rest one by
// one. A buffer has room for headers, whatever is in it. avx2: whether it may be used.
template <class Key>
inline std::uint64_t place(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* bucket,
                           [[maybe_unused]] bool avx2 = may_use_avx2()) noexcept {
    const std::uint64_t all = ~std::uint64_t{0} >> (64U - n);
    std::uint64_t spread = 0;
#ifdef __SSE4_1__
    const bool tags = hash_burst_detail::tags_expected(frames);
    if (!tags) spread = place_in_lanes<Key, false>(frames, n, bucket, avx2);
    if (tags || any_tagged(frames, all & ~spread))
        spread = place_in_lanes<Key, true>(frames, n, bucket, avx2);
#endif
    for (std::uint64_t left = all & ~spread; left != 0; left &= left - 1) {
        const auto k = static_cast<unsigned>(__builtin_ctzll(left));
        const Bytes frame = bytes_of(frames[k]);
        const bool is = is_spread(frame);
        bucket[k] = is ? Key::hash(frame) % kLoadBuckets : kUnspread;
        spread |= static_cast<std::uint64_t>(is) << k;
    }
    return spread;
}

inline void put_source(rte_mbuf* m, std::uint64_t mac) noexcept {
    auto* f = rte_pktmbuf_mtod(m, std::uint8_t*);
    std::memcpy(f + 6, &mac, 4);
    const auto high = static_cast<std::uint16_t>(mac >> 32U);
    std::memcpy(f + 10, &high, 2);
}

// The active member sends what comes from behind the logical interface (a bridge's, a container's frames) as
// it is.
inline void put_sources(const Snapshot& s, std::uint8_t id, rte_mbuf** frames, std::uint16_t n) noexcept {
    if (id == s.active.value) return;
    const std::uint64_t mac = s.mac[id];
    for (std::uint16_t i = 0; i < n; ++i) put_source(frames[i], mac);
}

template <class Pick>
inline void send_by(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n, Pick pick) noexcept {
    send_picked(lane, s, frames, n, pick, put_sources);
}

// Both ways take what place() found; what is not spread leaves by the active member.

// Of bursts of at least this many each fourth frame is counted, for four, beginning with another one each
// time: as much as shares of load need.
inline constexpr std::uint16_t kSampledFrom = 8;

// tlb_dynamic_lb on: kLoadBuckets buckets that control moves, and the unspread behind them.
template <class Key> struct ByLoad {
    static void send(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
        std::uint32_t bucket[kMaxBurst];
        (void)place<Key>(frames, n, bucket);
        send(lane, s, frames, n, bucket);
    }
    static std::uint64_t sort(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* bucket) noexcept {
        return place<Key>(frames, n, bucket);
    }
    static void send(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n,
                     const std::uint32_t* bucket) noexcept {
        const unsigned each = n >= kSampledFrom ? 4 : 1;
        for (unsigned i = each == 1 ? 0 : lane.policy.position++ % each; i < n; i += each)
            lane.load.bytes[bucket[i]].add(frames[i]->pkt_len * each);
        send_by(lane, s, frames, n, [&](std::uint16_t i) noexcept { return s.bucket[bucket[i]]; });
    }
};

// tlb_dynamic_lb off: the bond's bucket map as it is.
template <class Key> struct ByMap {
    static void send(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n) noexcept {
        std::uint32_t bucket[kMaxBurst];
        (void)sort(frames, n, bucket);
        send(lane, s, frames, n, bucket);
    }
    // Here a place is a whole hash, or all ones.
    static std::uint64_t sort(rte_mbuf* const* frames, std::uint16_t n, std::uint32_t* hash) noexcept {
        const std::uint64_t spread = place<ByDestination>(frames, n, hash);
        Key::hash_all(frames, n, hash);
        for (std::uint64_t left = ~spread & (~std::uint64_t{0} >> (64U - n)); left != 0; left &= left - 1)
            hash[__builtin_ctzll(left)] = ~0U;
        return spread;
    }
    static void send(Lane& lane, const Snapshot& s, rte_mbuf** frames, std::uint16_t n,
                     const std::uint32_t* hash) noexcept {
        const FastMod bucket_of = s.bucket_mod;
        send_by(lane, s, frames, n, [&](std::uint16_t i) noexcept {
            const std::uint8_t mapped = s.bucket[bucket_of(seeded_hash(hash[i], s.hash_seed))];
            return hash[i] != ~0U ? mapped : s.active.value;
        });
    }
};

// ModeDescriptor::counting of both modes: of ByMap alone, as ByLoad counts by itself.
TxBurstFn counting_by_map(const BondOptions& options);

} // namespace dpdkbond

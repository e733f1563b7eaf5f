// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "flow/fast_mod.hpp"
#include "flow/hash.hpp"
#include "flow_frames.hpp"

using namespace dpdkbond;
using namespace dpdkbond::test;

namespace {

std::uint32_t hash_of(HashPolicy policy, const Frame& frame) {
    return flow_hash(policy, frame.data(), static_cast<std::uint32_t>(frame.size()));
}
std::uint32_t slow_hash_of(HashPolicy policy, const Frame& frame) {
    return flow_hash_slow(policy, frame.data(), static_cast<std::uint32_t>(frame.size()));
}

// 02:..:05 -> 02:..:0a, 10.0.0.1:4096 -> 10.0.0.2:80, TCP
const char* const kTcp4 = "02000000000a020000000005"
                          "0800450000280000000040060000"
                          "0a0000010a00000210000050"
                          "00000000000000005010000000000000";

void swap_ranges(Frame& frame, std::size_t a, std::size_t b, std::size_t n) {
    std::swap_ranges(frame.begin() + static_cast<std::ptrdiff_t>(a),
                     frame.begin() + static_cast<std::ptrdiff_t>(a + n),
                     frame.begin() + static_cast<std::ptrdiff_t>(b));
}

// A frame that goes the dissectors' ways as far as bytes at random can: every choice is one that some code
// looks at.
Frame random_headers(Random& random) {
    static constexpr std::uint16_t types[] = {0x0800, 0x0800, 0x86dd, 0x86dd, 0x8100, 0x88a8, 0x8864, 0x8847,
                                              0x0806, 0x88ca, 0x4305, 0x88fb, 0x892f, 0x88f7, 0x8906, 0x9000};
    static constexpr std::uint8_t protocols[] = {0,  1,  4,  6,  17, 33, 41,  43,  44,
                                                 47, 50, 51, 58, 59, 60, 132, 136, 137};
    Frame frame = random_bytes(random, 220);
    std::size_t at = 12;
    while (at + 60 < frame.size()) {
        const std::uint16_t type = types[below(random, std::size(types))];
        store_be16(&frame[at], type);
        at += 2;
        const std::uint8_t protocol = protocols[below(random, std::size(protocols))];
        if (type == 0x0800) {
            frame[at] = static_cast<std::uint8_t>(0x40U | (below(random, 4) != 0 ? 5U : below(random, 16)));
            if (below(random, 8) != 0) store_be16(&frame[at + 6], 0);
            frame[at + 9] = protocol;
            at += (frame[at] & 0xfU) * 4U;
        } else if (type == 0x86dd) {
            frame[at + 6] = protocol;
            at += 40;
        } else {
            at += 2 + below(random, 6);
        }
        if (at + 8 >= frame.size()) break;
        if (protocol == 47) {
            store_be16(&frame[at],
                       below(random, 2) != 0 ? 0 : static_cast<std::uint16_t>(random() & 0xb081U));
            at += 2;
        } else if (protocol == 1 || protocol == 58) {
            frame[at] = static_cast<std::uint8_t>(below(random, 15));
        } else if (below(random, 2) != 0) {
            frame[at] = protocols[below(random, std::size(protocols))];
            frame[at + 1] = static_cast<std::uint8_t>(below(random, 3));
        }
    }
    return frame;
}

} // namespace

TEST_CASE("the hash of a TCP segment is what the formula gives by hand") {
    const Frame frame = from_hex(kTcp4);
    const std::uint32_t layer2 = 0x0aU ^ 0x05U ^ 0x0800U;
    CHECK(hash_of(HashPolicy::layer2, frame) == layer2);
    // Addresses in memory order: 0x0100000a ^ 0x0200000a = 0x03000000; with layer2 0x0300080f; folded by 16
    // 0x03000b0f; folded by 8:
    CHECK(hash_of(HashPolicy::layer23, frame) == 0x03030b04U);
    // Ports in memory order: 0x50000010; folded by 16, then by 8, then without the lowest bit.
    CHECK(hash_of(HashPolicy::layer34, frame) == 0x53535343U >> 1U);
    CHECK(hash_of(HashPolicy::vlan_srcmac, frame) == (0x020000U ^ 0x000005U));
    CHECK(hash_of(HashPolicy::encap23, frame) == hash_of(HashPolicy::layer23, frame));
    CHECK(hash_of(HashPolicy::encap34, frame) == hash_of(HashPolicy::layer34, frame));
}

TEST_CASE("vlan+srcmac takes the outer tag, priority bits included") {
    Frame frame = from_hex(kTcp4);
    insert_tag(frame, 0x8100, 7);
    insert_tag(frame, 0x88a8, 0xa064);
    CHECK(hash_of(HashPolicy::vlan_srcmac, frame) == (0xa064U ^ 0x020005U));
}

TEST_CASE("layer2 sees the type behind the outer tag") {
    Frame frame = from_hex(kTcp4);
    insert_tag(frame, 0x8100, 7);
    CHECK(hash_of(HashPolicy::layer2, frame) == (0x0fU ^ 0x0800U));
    insert_tag(frame, 0x88a8, 100);
    CHECK(hash_of(HashPolicy::layer2, frame) == (0x0fU ^ 0x8100U));
}

TEST_CASE("a tagged flow hashes as the same flow without tags") {
    Random random(1);
    for (int i = 0; i < 2000; ++i) {
        const Frame plain = random_ip(random, below(random, 2) != 0 ? 0x0800 : 0x86dd, i % 3 != 0 ? 6 : 17);
        Frame tagged = plain;
        insert_tag(tagged, i % 2 != 0 ? 0x8100 : 0x88a8, static_cast<std::uint16_t>(random()));
        for (const HashPolicy policy : {HashPolicy::layer2, HashPolicy::layer23, HashPolicy::layer34,
                                        HashPolicy::encap23, HashPolicy::encap34})
            REQUIRE(hash_of(policy, tagged) == hash_of(policy, plain));
        Frame twice = tagged;
        insert_tag(twice, 0x88a8, static_cast<std::uint16_t>(random()));
        for (const HashPolicy policy : {HashPolicy::layer34, HashPolicy::encap34})
            REQUIRE(hash_of(policy, twice) == hash_of(policy, plain));
        REQUIRE(hash_of(HashPolicy::layer23, twice) == hash_of(HashPolicy::encap23, twice));
    }
}

TEST_CASE("a frame of nothing but tags ends as layer2") {
    Random random(2);
    Frame frame = random_bytes(random, 14 + 4 * 100);
    for (std::size_t at = 12; at + 1 < frame.size(); at += 4) store_be16(&frame[at], 0x8100);
    for (const HashPolicy policy : {HashPolicy::layer23, HashPolicy::layer34})
        CHECK(hash_of(policy, frame) == hash_of(HashPolicy::layer2, frame));
}

TEST_CASE("all fragments of a datagram stay together under layer3+4") {
    Random random(3);
    Frame first = random_ip(random, 0x0800, 17);
    Frame later = first;
    store_be16(&first[20], 0x2000);
    store_be16(&later[20], 0x00b9);
    std::fill(later.begin() + 34, later.end(), std::uint8_t{0x5a});
    CHECK(hash_of(HashPolicy::layer34, first) == hash_of(HashPolicy::layer34, later));
    CHECK(hash_of(HashPolicy::encap34, first) == hash_of(HashPolicy::encap34, later));
}

TEST_CASE("an ICMP error goes the way of the flow that it is about") {
    Random random(4);
    const Frame flow = random_ip(random, 0x0800, 6, 8);
    Frame error = random_ip(random, 0x0800, 1, 8);
    error[34] = 3; // destination unreachable
    error.insert(error.end(), flow.begin() + 14, flow.end());
    CHECK(hash_of(HashPolicy::layer34, error) == hash_of(HashPolicy::layer34, flow));
}

TEST_CASE("fast and slow paths agree on well-formed frames") {
    Random random(5);
    static constexpr std::uint8_t protocols[] = {6, 17, 6, 17, 1, 58, 47, 50, 132, 136, 0};
    for (int i = 0; i < 20000; ++i) {
        Frame frame =
            random_ip(random, i % 2 != 0 ? 0x0800 : 0x86dd, protocols[below(random, std::size(protocols))]);
        if (i % 8 == 0) store_be16(&frame[20], static_cast<std::uint16_t>(random()));
        if (i % 16 == 0)
            insert_tag(frame, i % 32 == 0 ? 0x8100 : 0x88a8, static_cast<std::uint16_t>(random()));
        for (const HashPolicy policy : kPolicies) {
            INFO("policy " << static_cast<int>(policy) << ", frame " << i);
            REQUIRE(hash_of(policy, frame) == slow_hash_of(policy, frame));
        }
    }
}

TEST_CASE("no policy reads behind a frame, wherever it ends") {
    Random random(6);
    GuardedBuffer buffer;
    for (int i = 0; i < 3000; ++i) {
        const Frame frame = i % 4 == 0   ? random_bytes(random, 100)
                            : i % 4 == 1 ? random_ip(random, 0x0800, 6)
                            : i % 4 == 2 ? random_ip(random, 0x86dd, 17)
                                         : random_headers(random);
        for (std::uint32_t len = 0; len <= 100 || len == frame.size(); len += 1 + below(random, 4)) {
            if (len > frame.size()) break;
            const std::uint8_t* at = buffer.place(frame, len);
            for (const HashPolicy policy : kPolicies) {
                INFO("policy " << static_cast<int>(policy) << ", length " << len);
                REQUIRE(flow_hash(policy, at, len) == flow_hash_slow(policy, at, len));
            }
        }
    }
}

TEST_CASE("what cannot be read any more falls back: ports, then addresses, then everything") {
    Random random(7);
    Frame frame = random_ip(random, 0x0800, 17);
    const auto cut = [&](HashPolicy policy, std::uint32_t len) {
        return flow_hash(policy, frame.data(), len);
    };
    Frame portless = frame;
    store_be16(&portless[20], 0x2000); // as a fragment has none
    CHECK(cut(HashPolicy::layer34, 38) == hash_of(HashPolicy::layer34, frame));
    CHECK(cut(HashPolicy::layer34, 37) == hash_of(HashPolicy::layer34, portless));
    CHECK(cut(HashPolicy::layer34, 33) == hash_of(HashPolicy::layer2, frame));
    CHECK(cut(HashPolicy::layer23, 34) == hash_of(HashPolicy::layer23, frame));
    for (const HashPolicy policy : kPolicies) CHECK(cut(policy, 13) == 0);
}

TEST_CASE("both directions of a flow hash alike when ports are equal or left out") {
    Random random(8);
    for (int i = 0; i < 2000; ++i) {
        const bool v6 = i % 2 != 0;
        const Frame there = random_ip(random, v6 ? 0x86dd : 0x0800, 17);
        Frame back = there;
        swap_ranges(back, 0, 6, 6);
        if (v6) swap_ranges(back, 22, 38, 16);
        if (!v6) swap_ranges(back, 26, 30, 4);
        for (const HashPolicy policy : {HashPolicy::layer2, HashPolicy::layer23, HashPolicy::layer34,
                                        HashPolicy::encap23, HashPolicy::encap34})
            REQUIRE(hash_of(policy, there) == hash_of(policy, back));
    }
}

TEST_CASE("FastMod is the remainder, for every divisor that a table may have") {
    Random random(10);
    for (std::uint32_t d = 1; d <= 4096; ++d) {
        const FastMod mod(d);
        const auto same = [&](std::uint32_t a) { return mod(a) == a % d; };
        bool all = true;
        const std::uint32_t top = UINT32_MAX / d * d; // the largest multiple
        for (const std::uint32_t a : {0U, 1U, d - 1, d, d + 1, 2 * d - 1, top - 1, top, UINT32_MAX - 1,
                                      UINT32_MAX, 0x7fffffffU, 0x80000000U})
            all = all && same(a);
        for (int i = 0; i < 200; ++i) all = all && same(static_cast<std::uint32_t>(random()));
        INFO("divisor " << d);
        REQUIRE(all);
    }
    for (const std::uint32_t d : {0x7fffffffU, 0x80000000U, 0x80000001U, 0xfffffffeU, 0xffffffffU})
        for (const std::uint32_t a : {0U, 1U, d - 1, d, 0xfffffffeU, 0xffffffffU})
            CHECK(FastMod(d)(a) == a % d);
}

TEST_CASE("hash_seed: two tiers with different seeds do not choose alike, and no seed changes nothing",
          "[hash_seed]") {
    std::array<std::array<unsigned, 4>, 4> alike{}, apart{};
    for (std::uint32_t h = 0; h < 65536; ++h) {
        CHECK(seeded_hash(h, 0) == h);
        ++alike[seeded_hash(h, 5) % 4][seeded_hash(h, 5) % 4];
        ++apart[seeded_hash(h, 5) % 4][seeded_hash(h, 6) % 4];
    }
    CHECK(alike[1][2] == 0);
    for (const auto& first : apart)
        for (const unsigned flows : first) CHECK((flows > 3900 && flows < 4300)); // of 4096
    // Hashes of few bits, as layer2 gives, are spread over everything.
    std::array<unsigned, 16> places{};
    for (std::uint32_t h = 0; h < 256; ++h) ++places[seeded_hash(h * 256, 1) >> 28U];
    for (const unsigned flows : places) CHECK(flows > 4);
}

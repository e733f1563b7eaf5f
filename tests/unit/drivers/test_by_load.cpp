// SPDX-License-Identifier: BSD-3-Clause
// The buckets that balance-tlb's and -alb's data half finds four or eight at a time are those of the rules.
#include <catch2/catch.hpp>

#include "drivers/by_load.hpp"
#include "random_frame.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

// No shorter than on a wire; seven of eight unicast; all of one kind, or mixed, so that bursts with a tag in
// front, without one, and with both are there.
Octets wire_frame(std::mt19937& random) {
    Octets f;
    do f = random_frame(random);
    while (f.size() < 60);
    if (random() % 8 != 0) f[0] &= 0xfeU;
    return f;
}

template <class Key> void check_key(unsigned seed) {
    std::mt19937 random(seed);
    unsigned spread_frames = 0, tagged_frames = 0;
    for (unsigned trial = 0; trial < 400; ++trial) {
        const auto n = static_cast<std::uint16_t>(1 + random() % kMaxBurst);
        std::vector<HandMbuf> held;
        std::vector<rte_mbuf*> frames;
        held.reserve(n);
        for (std::uint16_t i = 0; i < n; ++i)
            frames.push_back(held.emplace_back(HandMbuf::with_room(wire_frame(random), 64)).get());
        std::uint32_t bucket[kMaxBurst];
        const std::uint64_t spread = place<Key>(frames.data(), n, bucket, trial % 2 == 0 && may_use_avx2());
        REQUIRE((spread & ~(~std::uint64_t{0} >> (64U - n))) == 0);
        for (std::uint16_t i = 0; i < n; ++i) {
            const Bytes f = bytes_of(frames[i]);
            INFO("trial " << trial << ", frame " << i << " of " << n);
            REQUIRE((spread >> i & 1U) == (is_spread(f) ? 1U : 0U));
            REQUIRE(bucket[i] == (is_spread(f) ? Key::hash(f) % kLoadBuckets : kUnspread));
            spread_frames += is_spread(f) ? 1 : 0;
            tagged_frames += flow_hash_detail::is_tag(load_be16(f.data() + 12)) ? 1 : 0;
        }
    }
    CHECK(spread_frames > 1000);
    CHECK(tagged_frames > 1000);
}

} // namespace

TEST_CASE("a burst's buckets are the frames' buckets, whatever the mix, tagged and not") {
    check_key<ByDestination>(1);
    check_key<ByPolicy<HashPolicy::layer2>>(2);
    check_key<ByPolicy<HashPolicy::layer23>>(3);
    check_key<ByPolicy<HashPolicy::layer34>>(4);
    check_key<ByPolicy<HashPolicy::vlan_srcmac>>(5);
}

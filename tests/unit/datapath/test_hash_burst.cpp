// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <random>

#include "datapath/hash_burst.hpp"
#include "hand_mbuf.hpp"
#include "random_frame.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

template <HashPolicy P> void check_policy(unsigned seed) {
    std::mt19937 random(seed);
    for (unsigned trial = 0; trial < 400; ++trial) {
        const auto n = static_cast<std::uint16_t>(1 + random() % kMaxBurst);
        std::vector<HandMbuf> held;
        std::vector<rte_mbuf*> frames;
        held.reserve(n);
        for (std::uint16_t i = 0; i < n; ++i) frames.push_back(held.emplace_back(random_frame(random)).get());
        for (const bool avx2 : {false, true}) {
            if (avx2 && !may_use_avx2()) continue;
            std::uint32_t hashes[kMaxBurst];
            hash_burst<P>(frames.data(), n, hashes, avx2);
            for (std::uint16_t i = 0; i < n; ++i) {
                const Octets f = held[i].bytes();
                INFO("trial " << trial << ", frame " << i << " of " << n << ", " << f.size() << " bytes"
                              << (avx2 ? ", AVX2" : ""));
                REQUIRE(hashes[i] == flow_hash_slow(P, f.data(), static_cast<std::uint32_t>(f.size())));
            }
        }
    }
}

} // namespace

TEST_CASE("a burst's hashes are the frames' hashes, whatever the mix and wherever frames end") {
    check_policy<HashPolicy::layer2>(1);
    check_policy<HashPolicy::layer23>(2);
    check_policy<HashPolicy::layer34>(3);
    check_policy<HashPolicy::encap23>(4);
    check_policy<HashPolicy::encap34>(5);
    check_policy<HashPolicy::vlan_srcmac>(6);
}

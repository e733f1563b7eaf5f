// SPDX-License-Identifier: BSD-3-Clause
// TSC cycles a packet of every transmit hash, over bursts of 32 out of 1024 frames that stay in cache: the
// hash alone.
//   flow_hash_bench [ROUNDS]
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "bond/fast_mod.hpp"
#include "bond/flow_hash.hpp"

using namespace dpdkbond;

namespace {

constexpr unsigned kBurst = 32, kFrames = 1024, kRoom = 128;

struct Traffic {
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(std::size_t{kFrames} * kRoom);
    std::vector<const std::uint8_t*> frames;
    std::vector<std::uint32_t> lens = std::vector<std::uint32_t>(kFrames, 64);
};

enum class Kind : std::uint8_t { ipv4, ipv6, mixed, tagged, icmp };

// TCP and UDP at random, except for icmp (echoes).
Traffic make_traffic(Kind kind) {
    Traffic traffic;
    std::mt19937 random(1);
    for (unsigned i = 0; i < kFrames; ++i) {
        std::uint8_t* frame = &traffic.bytes[std::size_t{i} * kRoom];
        for (unsigned b = 0; b < kRoom; ++b) frame[b] = static_cast<std::uint8_t>(random());
        const bool v6 = kind == Kind::ipv6 || (kind == Kind::mixed && random() % 2 != 0);
        unsigned l3 = 14;
        if (kind == Kind::tagged) {
            store_be16(frame + 12, 0x8100);
            l3 = 18;
        }
        store_be16(frame + l3 - 2, v6 ? 0x86dd : 0x0800);
        const std::uint8_t protocol = kind == Kind::icmp ? 1 : random() % 2 != 0 ? 6 : 17;
        frame[l3] = v6 ? 0x60 : 0x45;
        frame[l3 + (v6 ? 6 : 9)] = protocol;
        if (!v6) store_be16(frame + l3 + 6, 0);
        if (kind == Kind::icmp) frame[l3 + 20] = 8;
        traffic.frames.push_back(frame);
    }
    return traffic;
}

// The best of many passes over all frames: what the code costs when nothing else disturbs.
template <HashPolicy P>
double cycles_per_packet(const Traffic& traffic, unsigned rounds, std::uint32_t& sink) {
    const FastMod mod(3);
    std::uint64_t best = UINT64_MAX;
    std::uint32_t out[kBurst];
    for (unsigned round = 0; round < rounds; ++round) {
        const std::uint64_t start = __rdtsc();
        for (unsigned at = 0; at < kFrames; at += kBurst) {
            flow_hash_burst<P>(&traffic.frames[at], &traffic.lens[at], kBurst, out);
            for (const std::uint32_t hash : out) sink += mod(hash);
        }
        best = std::min<std::uint64_t>(best, __rdtsc() - start);
    }
    return static_cast<double>(best) / kFrames;
}

} // namespace

int main(int argc, char** argv) {
    const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 5000;
    std::uint32_t sink = 0;
    std::printf("TSC cycles a packet, hash and modulo\n%-8s %8s %8s %8s %8s %8s %8s\n", "", "layer2",
                "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+src");
    static constexpr struct {
        Kind kind;
        const char* name;
    } kinds[] = {{Kind::ipv4, "ipv4"},
                 {Kind::ipv6, "ipv6"},
                 {Kind::mixed, "mixed"},
                 {Kind::tagged, "tagged"},
                 {Kind::icmp, "icmp"}};
    for (const auto& [kind, name] : kinds) {
        const Traffic traffic = make_traffic(kind);
        std::printf("%-8s %8.1f %8.1f %8.1f %8.1f %8.1f %8.1f\n", name,
                    cycles_per_packet<HashPolicy::layer2>(traffic, rounds, sink),
                    cycles_per_packet<HashPolicy::layer23>(traffic, rounds, sink),
                    cycles_per_packet<HashPolicy::layer34>(traffic, rounds, sink),
                    cycles_per_packet<HashPolicy::encap23>(traffic, rounds, sink),
                    cycles_per_packet<HashPolicy::encap34>(traffic, rounds, sink),
                    cycles_per_packet<HashPolicy::vlan_srcmac>(traffic, rounds, sink));
    }
    return sink == 1 ? 1 : 0; // keeps the work
}

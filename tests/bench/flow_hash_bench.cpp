// SPDX-License-Identifier: BSD-3-Clause
// TSC cycles a packet of every transmit hash, over bursts of 32 out of 1024 frames that stay in cache: the
// hash alone, one by one (the rule) and as the data path takes a burst.
//   flow_hash_bench [ROUNDS]
#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "datapath/hash_burst.hpp"
#include "flow/fast_mod.hpp"

using namespace dpdkbond;

namespace {

constexpr unsigned kFrames = 1024, kRoom = 128;

struct Traffic {
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(std::size_t{kFrames} * kRoom);
    std::vector<rte_mbuf> buffers = std::vector<rte_mbuf>(kFrames);
    std::vector<rte_mbuf*> frames;
};

enum class Kind : std::uint8_t { ipv4, ipv6, mixed, tagged, icmp, other };

// TCP and UDP at random, except for icmp (echoes) and other (no IP).
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
        store_be16(frame + l3 - 2, kind == Kind::other ? 0x8906 : v6 ? 0x86dd : 0x0800);
        const std::uint8_t protocol = kind == Kind::icmp ? 1 : random() % 2 != 0 ? 6 : 17;
        frame[l3] = v6 ? 0x60 : 0x45;
        frame[l3 + (v6 ? 6 : 9)] = protocol;
        if (!v6) store_be16(frame + l3 + 6, 0);
        if (kind == Kind::icmp) frame[l3 + 20] = 8;
        rte_mbuf& buffer = traffic.buffers[traffic.frames.size()];
        buffer.buf_addr = frame;
        buffer.data_off = 0;
        buffer.data_len = 64;
        traffic.frames.push_back(&buffer);
    }
    return traffic;
}

// The best of many passes over all frames: what the code costs when nothing else disturbs.
template <HashPolicy P, bool Burst>
double cycles_per_packet(Traffic& traffic, unsigned rounds, std::uint32_t& sink) {
    const FastMod mod(3);
    std::uint64_t best = UINT64_MAX;
    std::uint32_t out[kMaxBurst];
    for (unsigned round = 0; round < rounds; ++round) {
        const std::uint64_t start = rte_rdtsc_precise();
        for (unsigned at = 0; at < kFrames; at += kBurst) {
            rte_mbuf* const* const frames = &traffic.frames[at];
            if constexpr (Burst)
                hash_burst<P>(frames, kBurst, out);
            else
                for (unsigned i = 0; i < kBurst; ++i)
                    out[i] =
                        flow_hash<P>(rte_pktmbuf_mtod(frames[i], const std::uint8_t*), frames[i]->data_len);
            for (unsigned i = 0; i < kBurst; ++i) sink += mod(out[i]);
        }
        best = std::min<std::uint64_t>(best, rte_rdtsc_precise() - start);
    }
    return static_cast<double>(best) / kFrames;
}

template <bool Burst>
void print_row(const char* name, Traffic& traffic, unsigned rounds, std::uint32_t& sink) {
    std::printf("%-8s %-10s %8.1f %8.1f %8.1f %8.1f %8.1f %8.1f\n", name, Burst ? "burst" : "one by one",
                cycles_per_packet<HashPolicy::layer2, Burst>(traffic, rounds, sink),
                cycles_per_packet<HashPolicy::layer23, Burst>(traffic, rounds, sink),
                cycles_per_packet<HashPolicy::layer34, Burst>(traffic, rounds, sink),
                cycles_per_packet<HashPolicy::encap23, Burst>(traffic, rounds, sink),
                cycles_per_packet<HashPolicy::encap34, Burst>(traffic, rounds, sink),
                cycles_per_packet<HashPolicy::vlan_srcmac, Burst>(traffic, rounds, sink));
}

} // namespace

int main(int argc, char** argv) {
    const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 5000;
    std::uint32_t sink = 0;
    std::printf("TSC cycles a packet, hash and modulo\n%-8s %-10s %8s %8s %8s %8s %8s %8s\n", "", "",
                "layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+src");
    static constexpr struct {
        Kind kind;
        const char* name;
    } kinds[] = {{Kind::ipv4, "ipv4"},     {Kind::ipv6, "ipv6"}, {Kind::mixed, "mixed"},
                 {Kind::tagged, "tagged"}, {Kind::icmp, "icmp"}, {Kind::other, "no IP"}};
    for (const auto& [kind, name] : kinds) {
        Traffic traffic = make_traffic(kind);
        print_row<false>(name, traffic, rounds, sink);
        print_row<true>(name, traffic, rounds, sink);
    }
    return sink == 1 ? 1 : 0; // keeps the work
}

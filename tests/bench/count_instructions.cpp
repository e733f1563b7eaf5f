// SPDX-License-Identifier: BSD-3-Clause
// What tests/bench/instructions counts under callgrind: for each mode and policy the same frames once through
// our data path, a dump each. By itself it only shows that it works.
//
//   count_instructions [128|256]   vectors of so many bits at most: SSE4.2 alone, or AVX2 too
#include <fmt/format.h>
#include <rte_ethdev.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include <sched.h>

#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "datapath/rx_engine.hpp"
#include "datapath/tx_engine.hpp"
#include "dpdk/eal.hpp"
#include "dpdk/simd.hpp"
#include "testbed.hpp"

namespace {

using namespace dpdkbond;
using namespace dpdkbond::bench;

constexpr unsigned kMembers = 4, kFrames = 1024;

// Runs `each` (which works on kBurst frames) for all frames: once unheard, so that all is loaded and linked,
// then counted.
void count(const std::string& name, FramePool& pool, const std::function<void()>& before,
           const std::function<void()>& each) {
    for (const bool counted : {false, true}) {
        pool.arrange();
        pool.set_source(std::nullopt); // balance-tlb and -alb write over it
        before();
        for (unsigned done = 0; done < kFrames; done += kBurst) {
            if (counted) CALLGRIND_TOGGLE_COLLECT;
            each();
            if (counted) CALLGRIND_TOGGLE_COLLECT;
        }
        if (!pool.complete()) throw std::runtime_error(name + ": frames are missing");
    }
    CALLGRIND_DUMP_STATS_AT(name.c_str());
    CALLGRIND_ZERO_STATS;
    fmt::print("{}\n", name);
}

void run(const std::string& bits) {
    EalOptions options;
    options.file_prefix = fmt::format("count_instructions{}", getpid());
    options.control_cpu = static_cast<unsigned>(sched_getcpu());
    options.memory_mb = 192;
    options.extra_args = {"--no-telemetry"};
    if (!bits.empty()) options.extra_args.push_back("--force-max-simd-bitwidth=" + bits);
    const Eal eal(options);
    if (bits == "256" && !may_use_avx2()) throw std::runtime_error("this processor has no AVX2");
    FramePool pool(kFrames);
    Ports ports(pool.get(), kMembers, 0);
    PortSetup setup;
    setup.pool = pool.get();
    std::vector<std::uint16_t> members;
    std::vector<Mac> macs;
    for (unsigned k = 0; k < kMembers; ++k) {
        members.push_back(ports.busy[k].id());
        macs.push_back(ports.busy[k].permanent_mac());
        if (const auto started = ports.busy[k].start(setup); !started)
            throw std::runtime_error(started.error());
    }
    rte_mbuf* burst[kBurst];
    const auto take = [&] {
        if (rte_pktmbuf_alloc_bulk(pool.get(), burst, kBurst) != 0)
            throw std::runtime_error("a frame was lost");
        for (rte_mbuf* m : burst) m->data_len = kFrameSize, m->pkt_len = kFrameSize;
    };
    const auto nothing = [] {};
    const auto tx = [&](const Setting& setting) {
        OurBond bond(members, setting, ports.logical.id());
        count("tx " + setting.name(), pool, nothing, [&] {
            take();
            bond.snapshot().tx_burst(bond.lane(), bond.snapshot(), burst, kBurst);
        });
    };
    const auto rx = [&](const Setting& setting, PuntFn punt = nullptr, const std::string& name = {}) {
        OurBond bond(members, setting, ports.logical.id());
        if (punt != nullptr) bond.snapshot().punt = punt;
        unsigned seen = 0;
        count(
            "rx " + (name.empty() ? setting.name() : name), pool,
            [&] { pool.set_destinations(macs, kBurst); },
            [&] {
                if (seen % (kMembers * kBurst) == 0) receive(bond.lane(), bond.snapshot());
                seen += kBurst;
            });
    };
    count("bare tx", pool, nothing, [&] {
        take();
        rte_eth_tx_burst(members[0], 0, burst, kBurst);
    });
    for (const Mode mode :
         {Mode::balance_rr, Mode::active_backup, Mode::broadcast, Mode::balance_tlb, Mode::balance_alb})
        tx({.mode = mode});
    for (const HashPolicy policy : {HashPolicy::layer2, HashPolicy::layer23, HashPolicy::layer34,
                                    HashPolicy::encap23, HashPolicy::encap34, HashPolicy::vlan_srcmac})
        tx({.mode = Mode::balance_xor, .policy = policy});
    for (const Mode mode : {Mode::balance_rr, Mode::balance_alb}) rx({.mode = mode});
    rx({.mode = Mode::balance_xor}, punt_lacp, "802.3ad"); // which receives so once its members collect
}

} // namespace

int main(int argc, char** argv) {
    try {
        run(argc > 1 ? argv[1] : "");
    } catch (const std::exception& e) {
        fmt::print(stderr, "count_instructions: {}\n", e.what());
        return 1;
    }
    return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Load by member and bucket, asked of running bonds.
#include <catch2/catch.hpp>

#include <map>
#include <numeric>

#include "datapath/tx_engine.hpp"
#include "engine/queries.hpp"
#include "flow/flow.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct Running {
    Running(Mode mode, BondOptions bond_options, unsigned members)
        : options(std::move(bond_options)),
          core("load", *find_mode(mode), options, std::nullopt, 1500, rcu, 1, "load"),
          lane(0, 1, core.publisher.slot(),
               LogicalQueue{.port = World::get().logical->id(), .rx_queues = 1}) {
        core.lanes.push_back(&lane);
        for (unsigned k = 0; k < members; ++k) {
            MemberInfo info;
            info.name = "m" + std::to_string(k);
            info.data.port = World::get().members[k].id();
            REQUIRE(core.bond.add_member(info, {.carrier = true, .speed_mbps = 1000}, now()).ok());
        }
        control.set_bond(0, &core);
        control.serve();
    }
    ~Running() {
        control.set_bond(0, nullptr);
        flush(lane);
        for (Port& p : World::get().members) take_numbers(p.id());
    }
    [[nodiscard]] const Snapshot& seen() const { return core.seen(); }
    void send(std::uint32_t flow, unsigned n) {
        for (unsigned i = 0; i < n; ++i) {
            rte_mbuf* m = frame(i, flow);
            seen().tx_burst(lane, seen(), &m, 1);
        }
        flush(lane);
    }

    BondOptions options;
    Rcu rcu{1};
    Control control{Idle::busy, World::get().pool};
    BondCore core;
    Lane lane;
};

} // namespace

TEST_CASE("modes that hash tell bytes by bucket while somebody asks, and count nothing else [M24]", "[M24]") {
    const NothingLost check;
    const Mode mode = GENERATE(Mode::balance_xor, Mode::balance_tlb);
    BondOptions options;
    options.xmit_hash_policy = HashPolicy::layer34;
    options.tlb_dynamic_lb = false;
    Running bond(mode, options, 3);
    BondQueries queries(bond.control, bond.core, bond.options, sent_by);
    const TxBurstFn plain = bond.seen().tx_burst;
    bond.send(1, 8);
    for (const Counter& c : bond.lane.flows.bytes) CHECK(c.get() == 0);

    const auto begun = queries.begin_load();
    bond.control.serve();
    REQUIRE(bond.seen().counted == plain);
    bond.send(1, 80);
    bond.send(2, 40);
    const auto load = queries.load(begun);
    REQUIRE(load);
    REQUIRE(load->size() == 3);
    std::uint32_t buckets = 0;
    std::vector<BucketLoad> carrying;
    for (const MemberLoad& m : *load) {
        buckets += m.buckets;
        REQUIRE(m.bytes_per_s);
        std::uint64_t sum = 0;
        for (const BucketLoad& b : m.by_bucket) {
            sum += b.bytes_per_s;
            CHECK(bond.core.bond.find(m.member) == MemberId{bond.seen().bucket[b.bucket]});
            carrying.push_back(b);
        }
        CHECK(*m.bytes_per_s == sum);
    }
    CHECK(buckets == bond.seen().buckets);
    REQUIRE(carrying.size() == 2);
    std::ranges::sort(carrying, std::greater{}, &BucketLoad::bytes_per_s);
    CHECK(carrying[0].bucket == flow_hash_of(1, HashPolicy::layer34) % bond.seen().buckets);
    CHECK(carrying[1].bucket == flow_hash_of(2, HashPolicy::layer34) % bond.seen().buckets);
    CHECK(bond.lane.flows.bytes[carrying[0].bucket].get() == 80 * 64);
    CHECK(bond.lane.flows.bytes[carrying[1].bucket].get() == 40 * 64);

    bond.core.bond.handle_timeout(now() + std::chrono::seconds(10)); // nobody has asked again
    bond.control.serve();
    CHECK(bond.seen().tx_burst == plain);
    CHECK(bond.seen().counted == nullptr);
}

TEST_CASE("options and modes that change end the count of the ones before [M24]", "[M24]") {
    Running bond(Mode::balance_xor, {}, 2);
    BondQueries queries(bond.control, bond.core, bond.options, sent_by);
    const auto begun = queries.begin_load();
    bond.control.serve();
    CHECK(bond.seen().counted != nullptr);
    bond.options.xmit_hash_policy = HashPolicy::layer34;
    set_options(bond.control, bond.core, *bond.core.mode, bond.options);
    bond.control.serve();
    CHECK(bond.seen().counted == nullptr);
    CHECK(queries.load(begun));
    set_options(bond.control, bond.core, *find_mode(Mode::active_backup), bond.options);
    bond.control.serve();
    CHECK_FALSE(queries.load(begun));
}

TEST_CASE("frames that take turns are told by member, as the devices count them [M24]", "[M24]") {
    const NothingLost check;
    Running bond(Mode::balance_rr, {}, 2);
    BondQueries queries(bond.control, bond.core, bond.options, sent_by);
    const auto begun = queries.begin_load();
    bond.send(1, 40);
    const auto load = queries.load(begun);
    REQUIRE(load);
    REQUIRE(load->size() == 2);
    for (const MemberLoad& m : *load) {
        CHECK(m.bytes_per_s);
        CHECK(m.by_bucket.empty());
    }
}

TEST_CASE("the biggest flows are told with the member that they leave by") {
    const NothingLost check;
    const Mode mode = GENERATE(Mode::balance_xor, Mode::balance_tlb, Mode::balance_rr);
    CAPTURE(mode_name(mode));
    BondOptions options;
    options.xmit_hash_policy = HashPolicy::layer34;
    options.tlb_dynamic_lb = false;
    Running bond(mode, options, 2);
    BondQueries queries(bond.control, bond.core, bond.options, sent_by);
    CHECK(queries.load(queries.begin_load())->at(0).biggest_flows.empty()); // nothing was sent
    const auto begun = queries.begin_load();
    bond.control.serve();
    bond.send(1, 160);
    bond.send(2, 40);
    bond.send(3, 3); // 1 of 4 is looked at
    const auto load = queries.load(begun);
    REQUIRE(load);
    std::map<std::string, std::uint64_t> rates;
    std::uint64_t all = 0;
    for (const MemberLoad& m : *load) {
        CHECK(std::ranges::is_sorted(m.biggest_flows, std::greater{}, &FlowLoad::bytes_per_s));
        for (const FlowLoad& f : m.biggest_flows) {
            rates[f.flow] += f.bytes_per_s;
            all += f.bytes_per_s;
            if (mode == Mode::balance_rr) continue;
            const auto flow = parse_flow(f.flow);
            REQUIRE(flow.ok());
            CHECK(queries.explain(flow.value()).member == m.member);
        }
    }
    REQUIRE(rates.size() == 3);
    std::vector<std::uint64_t> sorted;
    for (const auto& [text, rate] : rates) sorted.push_back(rate);
    std::ranges::sort(sorted, std::greater{});
    CHECK(sorted[0] > all * 3 / 4); // 160 of 203 frames
    CHECK(sorted[1] > all * 3 / 20);
    CHECK(sorted[1] < all / 4);
}

TEST_CASE("samples of the lane: the newest are there, and what a frame stands for") {
    const NothingLost check;
    FlowSamples samples;
    rte_mbuf* const m = frame(7, 3);
    for (unsigned i = 0; i < 3; ++i) samples.take(m, 100 + i);
    std::vector<std::uint64_t> bytes;
    samples.each_since(1, [&](Bytes header, std::uint64_t b) {
        CHECK(std::ranges::equal(header, Bytes{rte_pktmbuf_mtod(m, const std::uint8_t*), m->data_len}));
        bytes.push_back(b);
    });
    CHECK(bytes == std::vector<std::uint64_t>{101, 102});
    const std::uint64_t before = samples.taken();
    for (unsigned i = 0; i < FlowSamples::kRoom + 10; ++i) samples.take(m, i);
    unsigned n = 0;
    samples.each_since(before, [&](Bytes, std::uint64_t b) { CHECK(b == 10 + n++); });
    CHECK(n == FlowSamples::kRoom);
    rte_pktmbuf_free(m);
}

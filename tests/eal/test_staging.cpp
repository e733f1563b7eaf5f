// SPDX-License-Identifier: BSD-3-Clause
// Frames wait for the next look at the logical interface while each look finds many, and never for the next
// round.
#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>

#include "datapath/rx_engine.hpp"
#include "datapath/tx_engine.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

void offer(std::uint32_t first, unsigned n) {
    Frames burst = frames(first, n);
    REQUIRE(rte_eth_tx_burst(World::get().logical->id(), 0, burst.data(), static_cast<std::uint16_t>(n)) ==
            n);
}

Numbers sent_by_all(const Rig& rig) {
    Numbers all;
    for (unsigned m = 0; m < rig.count; ++m) {
        const Numbers one = take_numbers(rig.port(m));
        CHECK(std::is_sorted(one.begin(), one.end())); // in order
        all.insert(all.end(), one.begin(), one.end());
    }
    std::sort(all.begin(), all.end());
    return all;
}

Numbers all_below(std::uint32_t end) {
    Numbers n;
    for (std::uint32_t i = 0; i < end; ++i) n.push_back(i);
    return n;
}

// How often a port was given frames, while this lives.
class Calls {
public:
    explicit Calls(std::uint16_t port)
        : port_(port), callback_(rte_eth_add_tx_callback(port, 0, count, &calls_)) {
        REQUIRE(callback_ != nullptr);
    }
    ~Calls() { rte_eth_remove_tx_callback(port_, 0, callback_); }
    Calls(const Calls&) = delete;
    Calls& operator=(const Calls&) = delete;
    [[nodiscard]] unsigned number() const { return calls_; }

private:
    static std::uint16_t count(std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t n, void* calls) {
        ++*static_cast<unsigned*>(calls);
        return n;
    }
    const std::uint16_t port_;
    unsigned calls_ = 0;
    const rte_eth_rxtx_callback* const callback_;
};

} // namespace

TEST_CASE("what several looks bring leaves together, in one call a member, once a look finds few or none") {
    const NothingLost check;
    const Mode mode = GENERATE(Mode::balance_rr, Mode::balance_xor, Mode::balance_tlb);
    const unsigned members = GENERATE(4U, 10U); // 10: counted another way
    const unsigned rest = GENERATE(0U, 1U, kWorthWaiting - 1U);
    CAPTURE(mode_name(mode), members, rest);
    Rig rig(mode, members);
    std::vector<std::unique_ptr<Calls>> calls;
    for (unsigned m = 0; m < members; ++m) calls.push_back(std::make_unique<Calls>(rig.port(m)));
    offer(0, 2 * kBurst + rest);
    CHECK(transmit(rig.lane, rig.snapshot) == 2 * kBurst + rest);
    CHECK(rig.lane.stage.total == 0);
    CHECK(sent_by_all(rig) == all_below(2 * kBurst + rest));
    for (const auto& c : calls) CHECK(c->number() <= 1);
}

TEST_CASE(
    "no more wait than are worth it, whoever gets them, and the rest of a long queue is the next round's") {
    const NothingLost check;
    const auto [members, most] = GENERATE(std::pair(2U, 2 * Stage::kShare), std::pair(10U, Stage::kFull));
    Rig rig(Mode::balance_xor, members);
    std::vector<std::unique_ptr<Calls>> calls;
    for (unsigned m = 0; m < members; ++m) calls.push_back(std::make_unique<Calls>(rig.port(m)));
    rte_mbuf* burst[10 * kBurst]; // of one flow: all for one member
    for (std::uint32_t i = 0; i < std::size(burst); ++i) burst[i] = frame(i);
    REQUIRE(rte_eth_tx_burst(World::get().logical->id(), 0, burst, std::size(burst)) == std::size(burst));
    const auto bursts = [](unsigned frames) { return (frames + kBurst - 1) / kBurst; };
    const unsigned taken = bursts(kMostARound) * kBurst;
    CHECK(transmit(rig.lane, rig.snapshot) == taken);
    CHECK(rig.lane.stage.total == 0);
    unsigned called = 0;
    for (const auto& c : calls) called += c->number();
    CHECK(called == (bursts(taken) + bursts(most) - 1) / bursts(most));
    CHECK(sent_by_all(rig) == all_below(taken));
    take_numbers(World::get().logical->id());
}

TEST_CASE("where nothing is staged a round takes as many") {
    const NothingLost check;
    const Mode mode = GENERATE(Mode::active_backup, Mode::broadcast);
    Rig rig(mode, 2);
    rte_mbuf* burst[10 * kBurst];
    for (std::uint32_t i = 0; i < std::size(burst); ++i) burst[i] = frame(i);
    REQUIRE(rte_eth_tx_burst(World::get().logical->id(), 0, burst, std::size(burst)) == std::size(burst));
    CHECK(transmit(rig.lane, rig.snapshot) == kMostARound);
    for (unsigned m = 0; m < 2; ++m) take_numbers(rig.port(m));
    take_numbers(World::get().logical->id());
}

TEST_CASE("balance-tlb's frames get their source when they leave, by the snapshot that placed them") {
    const NothingLost check;
    Rig rig(Mode::balance_tlb, 2);
    rig.snapshot.mac[0] = 0x0000'0100'0000'0002, rig.snapshot.mac[1] = 0x0000'0200'0000'0002;
    const std::uint8_t other = rig.snapshot.active.value == 0 ? 1 : 0;
    offer(0, kBurst);
    CHECK(transmit(rig.lane, rig.snapshot) == kBurst);
    Frames got = take(rig.port(other));
    CHECK_FALSE(got.empty());
    for (rte_mbuf* m : got) {
        CHECK(std::memcmp(rte_pktmbuf_mtod_offset(m, char*, 6), &rig.snapshot.mac[other], 6) == 0);
        rte_pktmbuf_free(m);
    }
}

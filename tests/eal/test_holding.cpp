// SPDX-License-Identifier: BSD-3-Clause
// Frames of flows that are on the move wait in the lane and leave in order.
#include <catch2/catch.hpp>

#include "datapath/holding.hpp"
#include "drivers/by_hash.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

BondOptions layer34() {
    BondOptions o;
    o.xmit_hash_policy = HashPolicy::layer34;
    return o;
}

// Two members; the snapshots of a move of all of the second's flows.
struct Move {
    Rig rig{Mode::balance_xor, 2, layer34()};
    Snapshot after = rig.snapshot;

    explicit Move(std::uint32_t id = 1) { hold(id); }
    void hold(std::uint32_t id) {
        Snapshot& s = rig.snapshot;
        s.hold = id;
        s.tx_burst = tx_burst_holding<ByHash<HashPolicy::layer34>>;
        for (std::size_t b = 0; b < s.buckets; ++b)
            if (s.bucket[b] == 1) s.held[b / 64] |= std::uint64_t{1} << b % 64;
    }
    static bool moves(std::uint32_t flow) { return flow_hash_of(flow, HashPolicy::layer34) % 2 == 1; }
    // As a worker does it: rounds until a burst from above may be taken; how many.
    unsigned release() {
        unsigned rounds = 1;
        while (!release_held(rig.lane, rig.snapshot)) ++rounds;
        return rounds;
    }
};

Numbers numbers(std::uint32_t first, std::uint32_t end, bool moving) {
    Numbers n;
    for (std::uint32_t i = first; i < end; ++i)
        if (Move::moves(i) == moving) n.push_back(i);
    return n;
}

} // namespace

TEST_CASE(
    "frames of flows on the move are held, the others leave; then what was held leaves first, in order") {
    const NothingLost check;
    Move m;
    m.rig.send(frames(0, 64));
    m.rig.send(frames(64, 36));
    const Numbers moving = numbers(0, 100, true);
    REQUIRE(moving.size() > 20);
    CHECK(take_numbers(m.rig.port(0)) == numbers(0, 100, false));
    CHECK(take_numbers(m.rig.port(1)).empty());
    CHECK(m.rig.lane.held.count == moving.size());
    CHECK(m.rig.lane.counters.held.get() == moving.size());
    CHECK(m.release() == 1);
    CHECK(take_numbers(m.rig.port(1)).empty());
    CHECK(m.rig.lane.held.count == moving.size());

    m.rig.snapshot = m.after;
    CHECK(m.release() == (moving.size() + kBurst - 1) / kBurst);
    CHECK(m.rig.lane.held.count == 0);
    m.rig.send(frames(100, 20));
    CHECK(take_numbers(m.rig.port(1)) == numbers(0, 120, true));
    CHECK(m.rig.lane.counters.held_overflow.get() == 0);
}

TEST_CASE("a lane without room sends all that it held, in order, and counts it") {
    const NothingLost check;
    Move m;
    std::uint32_t number = 0;
    for (; m.rig.lane.counters.held_overflow.get() == 0; number += 64) {
        REQUIRE(number < 10000);
        CHECK(m.release() == 1);
        m.rig.send(frames(number, 64));
        take_numbers(m.rig.port(0));
        CHECK(take_numbers(m.rig.port(1)).empty());
    }
    Numbers got;
    for (bool all = false; !all;) {
        all = release_held(m.rig.lane, m.rig.snapshot);
        for (const std::uint32_t n : take_numbers(m.rig.port(1))) got.push_back(n);
    }
    CHECK(m.rig.lane.held.count == 0);
    CHECK(got == numbers(0, number, true));
    CHECK(got.size() > HeldFrames::kRoom);
    CHECK(m.rig.lane.counters.held_overflow.get() == got.size());
    m.rig.send(frames(number, 64)); // for the rest of the move
    CHECK(take_numbers(m.rig.port(1)) == numbers(number, number + 64, true));
    CHECK(m.rig.lane.held.count == 0);

    m.hold(2); // and not for the next one
    m.rig.send(frames(0, 64));
    CHECK(take_numbers(m.rig.port(1)).empty());
    CHECK(m.rig.lane.held.count != 0);
}

TEST_CASE("a worker that finds the next move under way keeps what that holds and sends the rest") {
    const NothingLost check;
    Move m;
    m.rig.send(frames(0, 64));
    take_numbers(m.rig.port(0));
    Numbers kept, sent;
    m.rig.snapshot.hold = 2;
    for (std::size_t b = 0; b < m.rig.snapshot.buckets / 2; ++b)
        m.rig.snapshot.held[b / 64] &= ~(std::uint64_t{1} << b % 64);
    for (const std::uint32_t n : numbers(0, 64, true)) {
        const bool low =
            flow_hash_of(n, HashPolicy::layer34) % m.rig.snapshot.buckets < m.rig.snapshot.buckets / 2;
        (low ? sent : kept).push_back(n);
    }
    REQUIRE(!kept.empty());
    REQUIRE(!sent.empty());
    m.release();
    CHECK(take_numbers(m.rig.port(1)) == sent);
    m.rig.snapshot = m.after;
    m.release();
    CHECK(take_numbers(m.rig.port(1)) == kept);
}

TEST_CASE("a lane that goes frees what it holds") {
    const NothingLost check;
    Move m;
    m.rig.send(frames(0, 64));
    CHECK(m.rig.lane.held.count != 0);
}

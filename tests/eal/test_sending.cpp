// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

#include "datapath/rx_engine.hpp"
#include "flow/hash.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

BondOptions per_slave(std::uint16_t n) {
    BondOptions o;
    o.packets_per_slave = n;
    return o;
}

BondOptions policy(HashPolicy p) {
    BondOptions o;
    o.xmit_hash_policy = p;
    return o;
}

Numbers range(std::uint32_t first, std::uint32_t n) {
    Numbers v(n);
    std::iota(v.begin(), v.end(), first);
    return v;
}

} // namespace

TEST_CASE("balance-rr sends frame by frame in turn, across bursts of any size") {
    const NothingLost check;
    for (const unsigned members : {2U, 3U, 5U, 8U, 10U}) {
        Rig rig(Mode::balance_rr, members);
        std::uint32_t number = 0;
        for (const unsigned n : {1U, 2U, 7U, 32U, 64U, 3U, 1U, 1U, 33U}) {
            rig.send(frames(number, n));
            number += n;
        }
        for (unsigned k = 0; k < members; ++k) {
            Numbers expected;
            for (std::uint32_t i = k; i < number; i += members) expected.push_back(i);
            CHECK(take_numbers(rig.port(k)) == expected);
            CHECK(rig.sent(k) == expected.size());
        }
    }
}

TEST_CASE("balance-rr sends packets_per_slave frames a turn") {
    const NothingLost check;
    for (const std::uint16_t turn : {2, 3, 40}) {
        Rig rig(Mode::balance_rr, 3, per_slave(turn));
        for (std::uint32_t number = 0; number < 240; number += 24) rig.send(frames(number, 24));
        for (unsigned k = 0; k < 3; ++k) {
            Numbers expected;
            for (std::uint32_t i = 0; i < 240; ++i)
                if (i / turn % 3 == k) expected.push_back(i);
            CHECK(take_numbers(rig.port(k)) == expected);
        }
    }
}

TEST_CASE("balance-rr with packets_per_slave 0 chooses at random, and evenly") {
    const NothingLost check;
    Rig rig(Mode::balance_rr, 3, per_slave(0));
    constexpr std::uint32_t kFrames = 1920;
    for (std::uint32_t number = 0; number < kFrames; number += 32) rig.send(frames(number, 32));
    Numbers all;
    bool in_turn = true;
    for (unsigned k = 0; k < 3; ++k) {
        const Numbers got = take_numbers(rig.port(k));
        // A third each; the standard deviation of a member's share is 21 frames.
        CHECK(got.size() > 500);
        CHECK(got.size() < 780);
        in_turn &= got.size() > 1 && got[1] - got[0] == 3;
        all.insert(all.end(), got.begin(), got.end());
    }
    CHECK_FALSE(in_turn);
    std::sort(all.begin(), all.end());
    CHECK(all == range(0, kFrames));
}

TEST_CASE("balance-rr sends IGMP by the active member, and it takes nobody's turn") {
    const NothingLost check;
    for (const std::uint16_t turn : {std::uint16_t{1}, std::uint16_t{2}}) {
        Rig rig(Mode::balance_rr, 3, per_slave(turn));
        REQUIRE(rig.snapshot.active == MemberId{0});
        Frames burst = frames(0, 5);
        burst.push_back(igmp_frame(5));
        burst.push_back(igmp_frame(6));
        burst.push_back(frame(7));
        rig.send(burst);
        for (unsigned k = 0; k < 3; ++k) {
            Numbers expected;
            for (std::uint32_t i = 0; i < 8; ++i) {
                const bool igmp = i == 5 || i == 6;
                const std::uint32_t place = i < 5 ? i : 5; // among the frames that take turns
                if (igmp ? k == 0 : place / turn % 3 == k) expected.push_back(i);
            }
            CHECK(take_numbers(rig.port(k)) == expected);
        }
    }
}

TEST_CASE("balance-rr goes on after a member was lost, and takes it back") {
    const NothingLost check;
    Rig rig(Mode::balance_rr, 3);
    rig.send(frames(0, 2)); // the turn is the last member's
    rig.set_link(2, false);
    rig.send(frames(2, 4));
    CHECK(take_numbers(rig.port(2)).empty());
    CHECK(rig.sent(0) + rig.sent(1) == 6);
    CHECK(rig.sent(0) == 3);
    rig.set_link(2, true);
    rig.send(frames(6, 9));
    CHECK(rig.sent(2) == 3);
}

TEST_CASE("active-backup sends everything by the active member, in order, and fails over") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 3);
    rig.send(frames(0, 40));
    CHECK(take_numbers(rig.port(0)) == range(0, 40));
    rig.set_link(0, false);
    rig.send(frames(40, 64));
    CHECK(take_numbers(rig.port(1)) == range(40, 64));
    CHECK(take_numbers(rig.port(0)).empty());
    CHECK(take_numbers(rig.port(2)).empty());
}

TEST_CASE("balance-xor sends each frame by hash mod n, in order within a member") {
    const NothingLost check;
    for (const HashPolicy p : {HashPolicy::layer2, HashPolicy::layer23, HashPolicy::layer34,
                               HashPolicy::encap23, HashPolicy::encap34, HashPolicy::vlan_srcmac})
        for (const unsigned members : {2U, 3U, 4U, 7U, 8U, 10U}) {
            Rig rig(Mode::balance_xor, members, policy(p));
            std::uint32_t number = 0;
            for (const unsigned n : {64U, 1U, 32U, 7U, 8U, 45U}) {
                rig.send(frames(number, n));
                number += n;
            }
            for (unsigned k = 0; k < members; ++k) {
                Numbers expected;
                for (std::uint32_t i = 0; i < number; ++i)
                    if (flow_hash_of(i, p) % members == k) expected.push_back(i);
                CHECK(take_numbers(rig.port(k)) == expected);
            }
        }
}

TEST_CASE("hash_seed: modes that hash choose by the seeded hash", "[hash_seed]") {
    const NothingLost check;
    for (const Mode mode : {Mode::balance_xor, Mode::balance_tlb})
        for (const unsigned members : {3U, 4U}) {
            BondOptions o = policy(HashPolicy::layer2);
            o.tlb_dynamic_lb = false;
            o.hash_seed = 7;
            Rig rig(mode, members, o);
            for (std::uint32_t number = 0; number < 256; number += 32) rig.send(frames(number, 32));
            unsigned all = 0;
            for (unsigned k = 0; k < members; ++k)
                for (const std::uint32_t n : take_numbers(rig.port(k))) {
                    CHECK(seeded_hash(flow_hash_of(n, HashPolicy::layer2), 7) % rig.snapshot.buckets %
                              members ==
                          k);
                    ++all;
                }
            CHECK(all == 256);
        }
}

TEST_CASE("balance-xor moves only the flows of a lost member") {
    const NothingLost check;
    Rig rig(Mode::balance_xor, 4, policy(HashPolicy::layer34));
    constexpr std::uint32_t kFlows = 256;
    const auto homes = [&] {
        std::vector<unsigned> home(kFlows, 99);
        for (std::uint32_t i = 0; i < kFlows; i += 64) rig.send(frames(i, 64));
        for (unsigned k = 0; k < 4; ++k)
            for (const std::uint32_t i : take_numbers(rig.port(k))) home[i] = k;
        return home;
    };
    const auto before = homes();
    rig.set_link(1, false);
    const auto without = homes();
    for (std::uint32_t i = 0; i < kFlows; ++i) {
        if (before[i] == 1)
            CHECK(without[i] != 1);
        else
            CHECK(without[i] == before[i]);
    }
    rig.set_link(1, true);
    CHECK(homes() == before);
}

TEST_CASE("broadcast gives every member every frame, one buffer with a reference each") {
    const NothingLost check;
    for (const unsigned members : {1U, 2U, 4U, 10U}) {
        Rig rig(Mode::broadcast, members);
        rig.send(frames(0, 48));
        std::vector<Frames> got;
        for (unsigned k = 0; k < members; ++k) got.push_back(take(rig.port(k)));
        for (unsigned k = 0; k < members; ++k) {
            REQUIRE(got[k].size() == 48);
            CHECK(got[k] == got[0]); // the same buffers
        }
        for (std::uint32_t i = 0; i < 48; ++i) {
            CHECK(number_of(got[0][i]) == i);
            CHECK(rte_mbuf_refcnt_read(got[0][i]) == members);
        }
        for (Frames& f : got) rte_pktmbuf_free_bulk(f.data(), static_cast<unsigned>(f.size()));
    }
}

TEST_CASE("without a usable member all is dropped and counted, in every mode") {
    const NothingLost check;
    for (const Mode mode :
         {Mode::balance_rr, Mode::active_backup, Mode::balance_xor, Mode::broadcast, Mode::balance_spray}) {
        Rig rig(mode, 2);
        rig.set_link(0, false);
        rig.set_link(1, false);
        rig.send(frames(0, 32));
        rig.send(frames(32, 5));
        CHECK(rig.dropped(DropReason::no_member) == 37);
        CHECK(rig.sent(0) + rig.sent(1) == 0);
        CHECK(take_numbers(rig.port(0)).empty());
        CHECK(take_numbers(rig.port(1)).empty());
    }
}

TEST_CASE("what a full member does not take is freed and counted; the others' frames leave, in every mode") {
    const NothingLost check;
    for (const Mode mode :
         {Mode::balance_rr, Mode::active_backup, Mode::balance_xor, Mode::broadcast, Mode::balance_spray}) {
        Rig rig(mode, 3, policy(HashPolicy::layer34));
        fill_up(rig.port(0));
        // Room for five on the first member.
        rte_mbuf* five[5];
        REQUIRE(rte_eth_rx_burst(rig.port(0), 0, five, 5) == 5);
        rte_pktmbuf_free_bulk(five, 5);
        rig.send(frames(0, 60));

        const std::uint64_t first = rig.sent(0) + rig.dropped(0, DropReason::member_full);
        CHECK(rig.sent(0) == 5);
        CHECK(rig.dropped(0, DropReason::member_full) > 0);
        CHECK(rig.dropped(1, DropReason::member_full) + rig.dropped(2, DropReason::member_full) == 0);
        const std::uint64_t copies = mode == Mode::broadcast ? 3 : 1;
        CHECK(first + rig.sent(1) + rig.sent(2) == 60 * copies);
        const Numbers on_first = take_numbers(rig.port(0));
        CHECK(std::count_if(on_first.begin(), on_first.end(), [](std::uint32_t i) { return i < 60; }) == 5);
        CHECK(take_numbers(rig.port(1)).size() == rig.sent(1));
        CHECK(take_numbers(rig.port(2)).size() == rig.sent(2));
    }
}

TEST_CASE("a member that is lost between bursts costs nothing of what follows") {
    const NothingLost check;
    for (const Mode mode : {Mode::balance_rr, Mode::active_backup, Mode::balance_xor, Mode::balance_spray}) {
        Rig rig(mode, 3, policy(HashPolicy::layer34));
        std::uint32_t number = 0;
        for (int round = 0; round < 12; ++round) {
            rig.set_link(static_cast<unsigned>(round) % 3, round / 3 % 2 == 1);
            rig.send(frames(number, 32));
            number += 32;
        }
        std::uint64_t sent = rig.dropped(DropReason::no_member);
        for (unsigned k = 0; k < 3; ++k) sent += rig.sent(k);
        CHECK(sent == number);
    }
}

TEST_CASE("frames of a queue that is a member's leave by that member, those of others as the mode has it") {
    const NothingLost check;
    Rig rig(Mode::active_backup, 3);
    Frames burst = frames(0, 10);
    const std::uint16_t up = World::get().logical->id();
    REQUIRE(rte_eth_tx_burst(up, 0, burst.data(), 10) == 10); // a ring port receives what it is sent
    rig.snapshot.by_queue[0] = 2;
    CHECK(transmit(rig.lane, rig.snapshot) == 10);
    CHECK(rig.sent(2) == 10);
    CHECK(rig.sent(0) == 0);
    burst = frames(0, 10);
    REQUIRE(rte_eth_tx_burst(up, 0, burst.data(), 10) == 10);
    rig.snapshot.by_queue = Snapshot::nobody();
    CHECK(transmit(rig.lane, rig.snapshot) == 10);
    CHECK(rig.sent(0) == 10);
    CHECK(rig.lane.counters.down.get() == 20);
}

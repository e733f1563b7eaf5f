// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include "balance/load_table.hpp"
#include "numbered.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;

namespace {

// Flows of constant rate, one in each bucket that has any, and a clock.
struct World {
    LoadTable table;
    LoadTotals totals{};
    std::array<double, kLoadBuckets + 1> rates{}; // bytes a second
    std::array<MemberId, kLoadBuckets + 1> before{};
    Time now = time_from_ns(0);

    bool tick() {
        now += LoadTable::kTick;
        for (std::size_t b = 0; b <= kLoadBuckets; ++b) totals[b] += static_cast<std::uint64_t>(rates[b]);
        return table.handle_load(totals, now);
    }
    void remember() {
        for (std::size_t b = 0; b <= kLoadBuckets; ++b) before[b] = table.owner(b);
    }
    // Of those that carry traffic.
    [[nodiscard]] unsigned moved() const {
        unsigned n = 0;
        for (std::size_t b = 0; b <= kLoadBuckets; ++b) n += rates[b] > 0 && before[b] != table.owner(b);
        return n;
    }
    [[nodiscard]] double carried(MemberId m) const {
        double sum = 0;
        for (std::size_t b = 0; b <= kLoadBuckets; ++b) sum += table.owner(b) == m ? rates[b] : 0;
        return sum;
    }
    [[nodiscard]] double total() const {
        double sum = 0;
        for (const double r : rates) sum += r;
        return sum;
    }
    [[nodiscard]] unsigned buckets_of(MemberId m) const {
        unsigned n = 0;
        for (std::size_t b = 0; b < kLoadBuckets; ++b) n += table.owner(b) == m;
        return n;
    }
    void set(std::vector<BalancedMember> members, MemberId active = id(0)) {
        table.set_members(members, active);
    }
};

} // namespace

TEST_CASE("equal members get buckets in turn, unequal ones by their speed") {
    World w;
    w.set({{id(0), 1000}, {id(1), 1000}});
    for (std::size_t b = 0; b < kLoadBuckets; ++b) REQUIRE(w.table.owner(b) == id(b % 2));
    REQUIRE(w.table.owner(kUnspread) == id(0));

    World v;
    v.set({{id(0), 10000}, {id(1), 1000}, {id(2), 1000}});
    CHECK(v.buckets_of(id(0)) >= 211);
    CHECK(v.buckets_of(id(0)) <= 215);
    CHECK(v.buckets_of(id(1)) >= 20);
}

TEST_CASE("members that join one after the other end with the same buckets as together") {
    World w;
    w.set({{id(0), 1000}});
    w.set({{id(0), 1000}, {id(1), 1000}});
    for (std::size_t b = 0; b < kLoadBuckets; ++b) REQUIRE(w.table.owner(b) == id(b % 2));
    w.set({{id(1), 1000}});
    w.set({{id(0), 1000}, {id(1), 1000}});
    for (std::size_t b = 0; b < kLoadBuckets; ++b) REQUIRE(w.table.owner(b) == id(b % 2));
}

TEST_CASE("a member of unknown speed counts as the slowest that is known") {
    World w;
    w.set({{id(0), 10000}, {id(1), 0}, {id(2), 5000}});
    CHECK(w.buckets_of(id(1)) == w.buckets_of(id(2)));
    World none;
    none.set({{id(0), 0}, {id(1), 0}});
    CHECK(none.buckets_of(id(0)) == 128);
}

TEST_CASE("balanced load moves nothing, ever") {
    World w;
    w.set({{id(0), 1000}, {id(1), 1000}});
    for (std::size_t b = 0; b < 64; ++b) w.rates[b] = 1e6;
    w.remember();
    for (int t = 0; t < 100; ++t) CHECK_FALSE(w.tick());
    CHECK(w.moved() == 0);
    CHECK(w.table.moves() == 0);
}

TEST_CASE("load comes within 5 % of the members' shares in one go, and few buckets move") {
    World w;
    w.set({{id(0), 1000}, {id(1), 1000}});
    for (std::size_t b = 0; b < 100; b += 2) w.rates[b] = 1e5; // all on member 0
    w.remember();
    w.tick();
    REQUIRE(w.tick());
    CHECK(std::abs(w.carried(id(0)) / w.total() - 0.5) < 0.025);
    CHECK(w.moved() == 25);
    w.remember();
    for (int t = 0; t < 60; ++t) w.tick();
    CHECK(w.moved() == 0);
}

TEST_CASE("shares follow speed, with traffic that is not spread on the active member") {
    World w;
    std::mt19937 random(7);
    w.set({{id(0), 10000}, {id(1), 2500}, {id(2), 2500}});
    for (std::size_t b = 0; b < kLoadBuckets; ++b) w.rates[b] = static_cast<double>(random() % 100000);
    w.rates[kUnspread] = 500000;
    for (int t = 0; t < 3; ++t) w.tick();
    CHECK(std::abs(w.carried(id(0)) / w.total() / (10.0 / 15) - 1) < 0.06);
    CHECK(std::abs(w.carried(id(1)) / w.total() / (2.5 / 15) - 1) < 0.06);
    CHECK(std::abs(w.carried(id(2)) / w.total() / (2.5 / 15) - 1) < 0.06);
}

TEST_CASE("a flow too big for both members stays where it is; the small ones make way") {
    World w;
    w.set({{id(0), 1000}, {id(1), 1000}});
    w.rates[0] = 1e8;
    w.rates[2] = w.rates[4] = 1e5;
    w.remember();
    for (int t = 0; t < 100; ++t) w.tick();
    CHECK(w.table.owner(0) == id(0));
    CHECK(w.table.owner(2) == id(1));
    CHECK(w.table.owner(4) == id(1));
    CHECK(w.moved() == 2);
}

TEST_CASE("a trickle is left alone") {
    World w;
    w.set({{id(0), 1000}, {id(1), 1000}});
    w.rates[0] = w.rates[2] = 300;
    for (int t = 0; t < 20; ++t) CHECK_FALSE(w.tick());
}

TEST_CASE("buckets do not move more often than the pause allows") {
    World w;
    w.set({{id(0), 1000}, {id(1), 1000}});
    std::mt19937 random(3);
    Time last{};
    for (int t = 0; t < 200; ++t) {
        for (std::size_t b = 0; b < kLoadBuckets; ++b)
            w.rates[b] = static_cast<double>(random() % 2 * 1000000);
        if (!w.tick()) continue;
        if (last != Time{}) CHECK(w.now - last >= LoadTable::kPause);
        last = w.now;
    }
}

TEST_CASE("when a member goes only its buckets move, by load; when it is back the load is shared again") {
    World w;
    w.set({{id(0), 1000}, {id(1), 1000}, {id(2), 1000}});
    std::mt19937 random(5);
    for (std::size_t b = 0; b < kLoadBuckets; ++b)
        w.rates[b] = 1000.0 + static_cast<double>(random() % 100000);
    for (int t = 0; t < 20; ++t) w.tick();
    w.remember();
    w.set({{id(0), 1000}, {id(2), 1000}});
    for (std::size_t b = 0; b < kLoadBuckets; ++b)
        if (w.before[b] != id(1)) CHECK(w.table.owner(b) == w.before[b]);
    CHECK(std::abs(w.carried(id(0)) / w.total() - 0.5) < 0.05);

    w.remember();
    w.set({{id(0), 1000}, {id(1), 1000}, {id(2), 1000}});
    CHECK(w.moved() == 0); // not before the load says so
    w.tick();
    w.tick();
    for (unsigned m = 0; m < 3; ++m) CHECK(std::abs(w.carried(id(m)) / w.total() * 3 - 1) < 0.06);
    CHECK(w.moved() <= kLoadBuckets / 2);
    for (std::size_t b = 0; b < kLoadBuckets; ++b) // and nothing moves between those that stayed
        if (w.table.owner(b) != id(1)) CHECK(w.table.owner(b) == w.before[b]);
}

TEST_CASE("no member, one member, all gone and back") {
    World w;
    w.set({});
    CHECK(w.table.owner(3) == kNoMember);
    w.set({{id(4), 0}}, id(4));
    CHECK(w.table.owner(3) == id(4));
    w.rates[1] = 1e6;
    CHECK_FALSE(w.tick());
    CHECK_FALSE(w.tick());
    w.set({}, kNoMember);
    CHECK(w.table.owner(kUnspread) == kNoMember);
    w.set({{id(4), 0}, {id(5), 0}}, id(4));
    CHECK(w.buckets_of(id(4)) + w.buckets_of(id(5)) == kLoadBuckets);
    CHECK(w.buckets_of(id(4)) >= 127);
    CHECK(w.buckets_of(id(4)) <= 129);
}

TEST_CASE("thirty-two members of all speeds end within a tenth of their shares") {
    World w;
    std::vector<BalancedMember> members;
    double speeds = 0;
    for (unsigned m = 0; m < 32; ++m) {
        members.push_back({id(m), m % 3 == 0 ? 25000U : 10000U});
        speeds += members.back().speed_mbps;
    }
    w.set(members);
    for (std::size_t b = 0; b < kLoadBuckets; ++b)
        w.rates[b] = b % 5 == 0 ? 30000.0 : 10000.0 + static_cast<double>(b) * 20;
    for (int t = 0; t < 30; ++t) w.tick();
    for (const BalancedMember& m : members)
        CHECK(std::abs(w.carried(m.id) / w.total() / (m.speed_mbps / speeds) - 1) < 0.25);
}

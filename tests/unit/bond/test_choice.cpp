// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

#include "bond/buckets.hpp"
#include "bond/select_active.hpp"
#include "numbered.hpp"

using namespace dpdkbond;
using dpdkbond::testing::id;

namespace {

constexpr MemberSet kAll = MemberSet::all();

std::vector<MemberId> ids(unsigned n, unsigned step = 1) {
    std::vector<MemberId> v;
    for (unsigned i = 0; i < n; ++i) v.push_back(id(i * step));
    return v;
}

std::vector<unsigned> shares(const BucketMap& map) {
    std::vector<unsigned> count(kMaxMembers);
    for (std::uint32_t b = 0; b < map.size; ++b) ++count[map.owner[b]];
    return count;
}

} // namespace

TEST_CASE("with all members the map is hash mod n, for every hash and member count") {
    for (unsigned n = 1; n <= kMaxMembers; ++n) {
        const BucketMap map = make_bucket_map(ids(n), kAll);
        REQUIRE(map.size % n == 0);
        REQUIRE(map.size + n > kMaxBuckets);
        for (std::uint32_t hash : {0U, 1U, 31U, 1023U, 1024U, 65535U, 0x12345678U, 0x7fffffffU, 0xffffffffU})
            REQUIRE(map.owner[hash % map.size] == hash % n);
        for (std::uint32_t b = 0; b < map.size; ++b) REQUIRE(map.owner[b] == b % n);
    }
}

TEST_CASE("members count in the order in which they joined, whatever their ids") {
    const std::vector<MemberId> members{id(9), id(2), id(31)};
    const BucketMap map = make_bucket_map(members, kAll);
    for (std::uint32_t b = 0; b < map.size; ++b) REQUIRE(map.owner[b] == members[b % 3].value);
}

TEST_CASE("no usable member, no map; one, and it has every bucket") {
    CHECK(make_bucket_map({}, kAll).size == 0);
    CHECK(make_bucket_map(ids(3), {}).size == 0);
    CHECK(make_bucket_map(ids(3), MemberSet{id(7)}).size == 0); // usable, but no member
    const BucketMap map = make_bucket_map(ids(3), MemberSet{id(1)});
    REQUIRE(map.size == 1023);
    CHECK(shares(map)[1] == 1023);
}

TEST_CASE("a lost member's buckets move, evenly, and no other") {
    for (unsigned n = 2; n <= 12; ++n) {
        const BucketMap before = make_bucket_map(ids(n), kAll);
        for (unsigned lost = 0; lost < n; ++lost) {
            const BucketMap after = make_bucket_map(ids(n), kAll - MemberSet{id(lost)});
            REQUIRE(after.size == before.size);
            for (std::uint32_t b = 0; b < before.size; ++b) {
                if (before.owner[b] == lost)
                    REQUIRE(after.owner[b] != lost);
                else
                    REQUIRE(after.owner[b] == before.owner[b]);
            }
            const auto count = shares(after);
            const auto rest = ids(n);
            unsigned least = kMaxBuckets, most = 0;
            for (const MemberId m : rest)
                if (m.value != lost)
                    least = std::min(least, count[m.value]), most = std::max(most, count[m.value]);
            REQUIRE(most - least <= 1);
        }
    }
}

TEST_CASE("a second loss moves only the second member's buckets, and each return gives the map before") {
    for (unsigned n = 3; n <= 8; ++n)
        for (unsigned a = 0; a < n; ++a)
            for (unsigned b = 0; b < n; ++b) {
                if (a == b) continue;
                const BucketMap one = make_bucket_map(ids(n), kAll - MemberSet{id(a)});
                const BucketMap two = make_bucket_map(ids(n), kAll - MemberSet{id(a), id(b)});
                for (std::uint32_t k = 0; k < one.size; ++k) {
                    REQUIRE(two.owner[k] != a);
                    REQUIRE(two.owner[k] != b);
                    if (one.owner[k] != b) REQUIRE(two.owner[k] == one.owner[k]);
                }
                // By hashing, not in turn: every member left gets some of it.
                const auto count = shares(two);
                for (const MemberId m : ids(n))
                    if (m.value != a && m.value != b) REQUIRE(count[m.value] > two.size / n);
            }
}

namespace {

struct Question {
    std::vector<Candidate> members{{id(0), true}, {id(1), true}, {id(2), true}};
    MemberId current = kNoMember, primary = kNoMember;
    PrimaryReselect reselect = PrimaryReselect::always;
    bool primary_is_new = false;
    [[nodiscard]] MemberId answer() const {
        return select_active({members, current, primary, reselect, primary_is_new});
    }
};

constexpr PrimaryReselect kReselects[] = {PrimaryReselect::always, PrimaryReselect::better,
                                          PrimaryReselect::failure};

} // namespace

TEST_CASE("without a primary the first that is up is active, and stays while it is") {
    for (const PrimaryReselect r : kReselects) {
        Question q{.reselect = r};
        CHECK(q.answer() == id(0));
        q.members[0].up = false;
        CHECK(q.answer() == id(1));
        q.current = id(1);
        q.members[0].up = true;
        CHECK(q.answer() == id(1));
        q.members[1].up = false;
        CHECK(q.answer() == id(0));
        for (Candidate& c : q.members) c.up = false;
        CHECK(q.answer() == kNoMember);
    }
    CHECK(Question{.members = {}}.answer() == kNoMember);
}

TEST_CASE("a primary that comes back takes over as primary_reselect says") {
    struct Row {
        PrimaryReselect reselect;
        std::uint32_t primary_speed, current_speed;
        Duplex primary_duplex, current_duplex;
        bool takes_over;
    };
    constexpr auto kFull = Duplex::full, kHalf = Duplex::half, kUnknown = Duplex::unknown;
    const Row rows[] = {
        {PrimaryReselect::always, 100, 1000, kHalf, kFull, true},
        {PrimaryReselect::better, 1000, 1000, kFull, kFull, false},
        {PrimaryReselect::better, 1000, 1000, kFull, kHalf, true},
        {PrimaryReselect::better, 1000, 1000, kHalf, kFull, false},
        {PrimaryReselect::better, 1000, 1000, kFull, kUnknown, true},
        {PrimaryReselect::better, 1000, 1000, kUnknown, kHalf, false},
        {PrimaryReselect::better, 10000, 1000, kHalf, kFull, true},
        {PrimaryReselect::better, 100, 1000, kFull, kHalf, false},
        {PrimaryReselect::failure, 10000, 1000, kFull, kHalf, false},
    };
    for (const Row& r : rows) {
        INFO("row " << &r - rows);
        Question q{.current = id(2), .primary = id(1), .reselect = r.reselect};
        q.members[1].speed_mbps = r.primary_speed;
        q.members[1].duplex = r.primary_duplex;
        q.members[2].speed_mbps = r.current_speed;
        q.members[2].duplex = r.current_duplex;
        CHECK(q.answer() == (r.takes_over ? id(1) : id(2)));
        q.primary_is_new = true; // just named: it takes over whatever the rule
        CHECK(q.answer() == id(1));
        q.members[1].up = false; // … if it is up
        CHECK(q.answer() == id(2));
        q.members[1].up = true;
        q.primary_is_new = false;
        q.members[2].up = false; // the current one failed: the primary is next in every rule
        CHECK(q.answer() == id(1));
    }
}

TEST_CASE("without a usable primary, prio decides: at once, when better, or on failure") {
    for (const PrimaryReselect r : kReselects) {
        Question q{.reselect = r};
        q.members[1].prio = 5;
        q.members[2].prio = -3;
        CHECK(q.answer() == id(1)); // nobody active: the highest
        q.current = id(0);
        q.members[1].speed_mbps = q.members[0].speed_mbps = 1000;
        CHECK(q.answer() == (r == PrimaryReselect::always ? id(1) : id(0)));
        q.members[1].speed_mbps = 2500;
        CHECK(q.answer() == (r == PrimaryReselect::failure ? id(0) : id(1)));
        q.members[0].up = false;
        CHECK(q.answer() == id(1));
        q.members[1].up = false;
        CHECK(q.answer() == id(2));
    }
}

TEST_CASE("a primary that is up goes before any prio; one that is down does not count") {
    Question q{.primary = id(2)};
    q.members[0].prio = 100;
    CHECK(q.answer() == id(2));
    q.members[2].up = false;
    CHECK(q.answer() == id(0));
    q.primary = id(9); // not a member
    CHECK(q.answer() == id(0));
}

TEST_CASE("among equal prios the current member stays, else the one that joined first is chosen") {
    Question q;
    for (Candidate& c : q.members) c.prio = 7;
    CHECK(q.answer() == id(0));
    q.current = id(2);
    CHECK(q.answer() == id(2));
}

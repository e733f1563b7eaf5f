// SPDX-License-Identifier: BSD-3-Clause
// The order of paths by weight, and flowlets on a clock of their own.
#include <catch2/catch.hpp>

#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "balance/spray_slots.hpp"
#include "bond/flowlets.hpp"
#include "bond/path_shares.hpp"

using namespace dpdkbond;

namespace {

using Weights = std::vector<std::uint32_t>;

std::vector<unsigned> counted(const SpraySlots& slots, std::size_t length, std::size_t paths) {
    std::vector<unsigned> count(paths);
    for (std::size_t i = 0; i < length; ++i) ++count.at(slots[i]);
    return count;
}

} // namespace

TEST_CASE("a round has each path exactly as often as its weight in lowest terms") {
    const std::pair<Weights, std::vector<unsigned>> table[] = {{{1}, {1}},
                                                               {{1, 1}, {1, 1}},
                                                               {{5, 5, 5}, {1, 1, 1}},
                                                               {{1, 4}, {1, 4}},
                                                               {{0, 3, 6}, {0, 1, 2}},
                                                               {{1000, 10000}, {1, 10}},
                                                               {{100, 90, 66}, {50, 45, 33}},
                                                               {{255, 1}, {255, 1}}};
    for (const auto& [weights, expected] : table) {
        SpraySlots slots{};
        const std::uint16_t length = make_spray_round(weights, slots);
        CHECK(length == std::accumulate(expected.begin(), expected.end(), 0U));
        CHECK(counted(slots, length, weights.size()) == expected);
    }
    SpraySlots slots{};
    CHECK(make_spray_round(Weights{0, 0}, slots) == 0);
    CHECK(make_spray_round(Weights{}, slots) == 0);
}

TEST_CASE("in every part of a round each path has had its share to within one") {
    std::mt19937 random(1);
    for (int life = 0; life < 2000; ++life) {
        Weights weights(1 + random() % 8);
        for (auto& w : weights) w = random() % 20;
        SpraySlots slots{};
        const std::uint16_t length = make_spray_round(weights, slots);
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        for (std::size_t part = 1; part <= length; ++part) {
            const auto count = counted(slots, part, weights.size());
            for (std::size_t i = 0; i < weights.size(); ++i)
                if (std::abs(count[i] - static_cast<double>(part) * weights[i] / sum) > 1.5)
                    FAIL("life " << life << ": path " << i << " of " << part);
        }
    }
}

TEST_CASE("weights too fine for a round are met to the nearest slot, and nobody is left out") {
    SpraySlots slots{};
    REQUIRE(make_spray_round(Weights{997, 3, 1000}, slots) == kSpraySlots);
    const auto count = counted(slots, kSpraySlots, 3);
    CHECK(count[0] + count[1] + count[2] == kSpraySlots);
    CHECK(count[1] == 1);
    CHECK(std::abs(static_cast<int>(count[2]) - 128) <= 1);
    Weights many(32, 1);
    many[0] = 1'000'003;
    REQUIRE(make_spray_round(many, slots) == kSpraySlots);
    const auto of_many = counted(slots, kSpraySlots, 32);
    CHECK(of_many[0] == kSpraySlots - 31);
    CHECK(of_many[31] == 1);
}

TEST_CASE("of a map only the buckets of the path that is lost move, by weight, and they come back") {
    const Weights weights{1, 2, 1};
    SpraySlots all{}, less{}, again{};
    REQUIRE(make_spray_map(weights, 7, all) == kSpraySlots);
    CHECK(counted(all, kSpraySlots, 3) == std::vector<unsigned>{64, 128, 64});
    REQUIRE(make_spray_map(weights, 6, less) == kSpraySlots);
    for (std::size_t b = 0; b < kSpraySlots; ++b)
        if (all[b] != 0) CHECK(less[b] == all[b]);
    const auto count = counted(less, kSpraySlots, 3);
    CHECK(count[0] == 0);
    CHECK(std::abs(static_cast<int>(count[1]) - (128 + 43)) <= 1);
    REQUIRE(make_spray_map(weights, 7, again) == kSpraySlots);
    CHECK(again == all);
    CHECK(make_spray_map(weights, 0, again) == 0);
}

TEST_CASE("a flow changes its path only after a pause, or when its path is lost") {
    auto flowlets = std::make_unique<Flowlets>();
    std::uint8_t turn = 0;
    const auto next = [&] { return turn++; };
    constexpr std::uint64_t gap = 500;
    std::uint64_t now = 1'000'000;
    CHECK(flowlets->pick(42, now, gap, 0xff, next) == 0);
    for (int i = 0; i < 100; ++i)
        CHECK(flowlets->pick(42, now += gap, gap, 0xff, next) == 0); // no pause is longer
    CHECK(flowlets->pick(42, now += gap + 1, gap, 0xff, next) == 1);
    CHECK(flowlets->pick(42, now, gap, 0xff, next) == 1);
    CHECK(flowlets->pick(42, now + 1, gap, 0xfd, next) == 2); // path 1 is lost
    CHECK(flowlets->pick(42, now + 2, gap, 0xff, next) == 2);
    CHECK(flowlets->pick(43, now + 3, gap, 0xff, next) == 3); // another flow
    CHECK(flowlets->pick(42, now + 4, gap, 0xff, next) == 2);
}

TEST_CASE("whatever sizes frames have, no path is ahead of another by more than a frame, for as long as one "
          "looks") {
    std::mt19937 random(3);
    for (int life = 0; life < 50; ++life) {
        PathShares given;
        std::array<std::uint32_t, kMaxMembers> octet{};
        for (auto& o : octet) o = PathShares::kOctet * (1 + random() % 8);
        const std::uint32_t live = static_cast<std::uint32_t>(random()) | 1U << random() % 32;
        const std::uint32_t longest = life % 2 == 0 ? 1538 : 65'536;
        std::array<std::uint64_t, kMaxMembers> all{};
        for (int n = 0; n < 20'000; ++n) {
            const unsigned path = given.least(live);
            REQUIRE((live >> path & 1U) == 1);
            const auto size = static_cast<std::uint32_t>(1 + random() % longest);
            given.add(path, size, octet[path]);
            all[path] += std::uint64_t{size} * octet[path];
        }
        std::uint64_t least = ~std::uint64_t{0}, most = 0;
        for (unsigned k = 0; k < kMaxMembers; ++k)
            if ((live >> k & 1U) != 0) least = std::min(least, all[k]), most = std::max(most, all[k]);
        CHECK(most - least <= std::uint64_t{longest} * PathShares::kOctet * 8);
    }
}

TEST_CASE("a path that was away begins like the rest") {
    PathShares given;
    CHECK(given.least(3) == 0);
    for (int n = 0; n < 100; ++n) given.add(given.least(1), 1500, PathShares::kOctet); // alone
    CHECK(given.least(3) == 0);
    given.add(0, 1500, PathShares::kOctet);
    CHECK(given.least(3) == 1);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "monitor/damping.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

constexpr DampingRules kRules{.half_life = 10s, .suppress = 2000, .reuse = 750};

} // namespace

TEST_CASE("a loss costs 1000, which halves with time") {
    FlapDamping damping;
    damping.handle_loss(kRules, Time{});
    CHECK(damping.penalty(kRules, Time{}) == Approx(1000));
    CHECK(damping.penalty(kRules, Time{} + 10s) == Approx(500));
    CHECK(damping.penalty(kRules, Time{} + 20s) == Approx(250));
    CHECK_FALSE(damping.update(kRules, Time{} + 20s));
    CHECK(damping.deadline() == kNever);
}

TEST_CASE("too many losses hold it out until the penalty has sunk, at the deadline and not before") {
    FlapDamping damping;
    for (int i = 0; i < 2; ++i) damping.handle_loss(kRules, Time{});
    CHECK(damping.update(kRules, Time{}));
    CHECK(damping.suppressed());
    const Time end = damping.deadline();
    const std::chrono::duration<double> wait = end - Time{};
    CHECK(wait.count() == Approx(14.15).epsilon(0.001)); // 10 s * log2(2000 / 750)
    CHECK_FALSE(damping.update(kRules, end - 2ms));
    CHECK(damping.update(kRules, end));
    CHECK_FALSE(damping.suppressed());
}

TEST_CASE("however often it was lost, there is an end") {
    FlapDamping damping;
    for (int i = 0; i < 1000; ++i) damping.handle_loss(kRules, Time{});
    damping.update(kRules, Time{});
    CHECK(damping.deadline() - Time{} < 35s); // 10 s * log2(8000 / 750)
}

TEST_CASE("off: nothing is held out, and what was is let go") {
    FlapDamping damping;
    for (int i = 0; i < 9; ++i) damping.handle_loss(kRules, Time{});
    damping.update(kRules, Time{});
    REQUIRE(damping.suppressed());
    CHECK(damping.update(DampingRules{}, Time{} + 1s));
    CHECK_FALSE(damping.suppressed());
    damping.handle_loss(DampingRules{}, Time{} + 2s);
    CHECK_FALSE(damping.update(DampingRules{}, Time{} + 2s));
}

// SPDX-License-Identifier: BSD-3-Clause
#include "balance/spray_slots.hpp"

#include <array>
#include <numeric>

namespace dpdkbond {

namespace {

using Weights = std::array<std::uint32_t, kMaxMembers>;

// Takes turns: each time the path is next that is furthest behind its share, the first of equals. After as
// many turns as the weights add up to each has had as many as its weight.
class Turns {
public:
    explicit Turns(const Weights& weight) : weight_(weight) {
        total_ = std::accumulate(weight.begin(), weight.end(), std::int64_t{0});
    }
    std::uint8_t next() {
        std::size_t best = 0;
        bool found = false;
        for (std::size_t i = 0; i < weight_.size(); ++i) {
            if (weight_[i] == 0) continue;
            behind_[i] += weight_[i];
            if (!found || behind_[i] > behind_[best]) best = i;
            found = true;
        }
        behind_[best] -= total_;
        return static_cast<std::uint8_t>(best);
    }

private:
    const Weights& weight_;
    std::int64_t total_;
    std::array<std::int64_t, kMaxMembers> behind_{};
};

Weights all_of(std::span<const std::uint32_t> weight, std::uint32_t live) {
    Weights w{};
    for (std::size_t i = 0; i < weight.size() && i < w.size(); ++i)
        if ((live >> i & 1U) != 0) w[i] = weight[i];
    return w;
}

std::uint64_t sum_of(const Weights& w) { return std::accumulate(w.begin(), w.end(), std::uint64_t{0}); }

// Shares that add up to kSpraySlots: by the largest remainder, each path at least one.
Weights shares_of(const Weights& w) {
    const std::uint64_t sum = sum_of(w);
    Weights share{};
    std::array<std::uint64_t, kMaxMembers> rest{};
    std::uint64_t given = 0;
    for (std::size_t i = 0; i < w.size(); ++i) {
        if (w[i] == 0) continue;
        const std::uint64_t exact = w[i] * std::uint64_t{kSpraySlots};
        share[i] = static_cast<std::uint32_t>(exact / sum);
        rest[i] = exact % sum + 1;
        if (share[i] == 0) {
            share[i] = 1;
            rest[i] = 0;
        }
        given += share[i];
    }
    for (; given < kSpraySlots; ++given) {
        const auto next = std::max_element(rest.begin(), rest.end()) - rest.begin();
        ++share[static_cast<std::size_t>(next)];
        rest[static_cast<std::size_t>(next)] = 0;
    }
    for (; given > kSpraySlots; --given) --*std::max_element(share.begin(), share.end());
    return share;
}

} // namespace

std::uint16_t make_spray_round(std::span<const std::uint32_t> weight, SpraySlots& out) {
    Weights w = all_of(weight, ~0U);
    const std::uint64_t sum = sum_of(w);
    if (sum == 0) return 0;
    std::uint32_t divisor = 0;
    for (const std::uint32_t one : w) divisor = std::gcd(divisor, one);
    for (std::uint32_t& one : w) one /= divisor;
    if (sum / divisor > kSpraySlots) w = shares_of(w);
    const auto length = static_cast<std::uint16_t>(sum_of(w));
    Turns turns(w);
    for (std::size_t i = 0; i < length; ++i) out[i] = turns.next();
    return length;
}

std::uint16_t make_spray_map(std::span<const std::uint32_t> weight, std::uint32_t live, SpraySlots& out) {
    const Weights all = all_of(weight, ~0U), left = all_of(weight, live);
    if (sum_of(left) == 0) return 0;
    const Weights shares = shares_of(all);
    Turns at_home(shares), moved(left);
    for (std::uint8_t& slot : out) {
        const std::uint8_t home = at_home.next();
        slot = left[home] != 0 ? home : moved.next();
    }
    return kSpraySlots;
}

} // namespace dpdkbond

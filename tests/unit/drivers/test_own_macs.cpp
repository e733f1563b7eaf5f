// SPDX-License-Identifier: BSD-3-Clause
// What a member takes eight at a time, where each has a MAC of its own, is what the rules say of each frame.
#include <catch2/catch.hpp>

#include "drivers/own_macs.hpp"
#include "random_frame.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

constexpr Mac kBond{{2, 0, 0, 0, 0, 1}}, kMember{{2, 0, 0, 0, 0, 2}};

// Mostly to the member, mostly IPv4, IPv6 that is ICMPv6 or not, other types.
Octets received(std::mt19937& random) {
    Octets f(60);
    for (auto& byte : f) byte = static_cast<std::uint8_t>(random());
    std::copy(kMember.bytes.begin(), kMember.bytes.end(), f.begin());
    if (random() % 64 == 0) f[random() % 6] ^= static_cast<std::uint8_t>(1U << random() % 8);
    const bool v6 = random() % 3 == 0;
    store_be16(&f[12], random() % 64 == 0 ? static_cast<std::uint16_t>(random()) : v6 ? 0x86dd : 0x0800);
    f[20] = random() % 64 == 0 ? 58 : 17;
    if (!v6 && random() % 2 == 0) f[20] = 58; // a fragment's offset, and no protocol
    return f;
}

bool is_taken(const Octets& f) {
    const std::uint16_t type = load_be16(&f[12]);
    return std::equal(kMember.bytes.begin(), kMember.bytes.end(), f.begin()) &&
           (type == 0x0800 || (type == 0x86dd && f[20] != 58));
}

} // namespace

TEST_CASE("a member's own frames get the bond's MAC, up to the first that is another's or no such IP") {
    std::mt19937 random(1);
    Snapshot s;
    s.bond_mac = mac_key(kBond);
    unsigned taken_frames = 0, stopped = 0;
    for (unsigned trial = 0; trial < 2000; ++trial) {
        s.mac[3] = mac_key(trial % 5 == 0 ? kBond : kMember); // the member whose MAC is the bond's
        const auto n = static_cast<std::uint16_t>(random() % 65);
        std::vector<Octets> before;
        std::vector<HandMbuf> held;
        std::vector<rte_mbuf*> frames;
        held.reserve(n);
        for (std::uint16_t i = 0; i < n; ++i) {
            Octets f = received(random);
            if (trial % 5 == 0 && is_taken(f)) std::copy(kBond.bytes.begin(), kBond.bytes.end(), f.begin());
            before.push_back(f);
            frames.push_back(held.emplace_back(f).get());
        }
        const auto is_own = [&](Octets f) {
            if (trial % 5 != 0) return is_taken(f);
            const bool to_bond = std::equal(kBond.bytes.begin(), kBond.bytes.end(), f.begin());
            std::copy(kMember.bytes.begin(), kMember.bytes.end(), f.begin());
            return to_bond && is_taken(f);
        };
        std::size_t expected = 0;
        while (expected < n && is_own(before[expected])) ++expected;
        REQUIRE(take_own_ip(s, 3, frames.data(), n) == expected);
        for (std::uint16_t i = 0; i < n; ++i) {
            Octets after = before[i];
            if (i < expected) std::copy(kBond.bytes.begin(), kBond.bytes.end(), after.begin());
            REQUIRE(held[i].bytes() == after);
        }
        taken_frames += static_cast<unsigned>(expected);
        stopped += expected < n ? 1 : 0;
    }
    CHECK(stopped > 100);
    CHECK(taken_frames > 1000);
}

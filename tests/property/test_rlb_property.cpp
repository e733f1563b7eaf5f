// SPDX-License-Identifier: BSD-3-Clause
// Whatever members come and go while neighbours know any number of our addresses: sharing neighbours out
// ends, each neighbour has one member, members are even for their speed, no more neighbours move than must,
// and in the end each has learnt its member's MAC, although its table takes no change within a second of
// another one (Linux's locktime). DPDKBOND_PROPERTY_RUNS sets how many lives.
#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "balance/rlb.hpp"

using namespace dpdkbond;

namespace {

struct Step {
    std::uint8_t kind, who, ours;
};
std::ostream& operator<<(std::ostream& out, const Step& s) {
    return out << '{' << +s.kind << ' ' << +s.who << ' ' << +s.ours << '}';
}

const auto steps = [] {
    return rc::gen::container<std::vector<Step>>(
        rc::gen::map(rc::gen::arbitrary<std::uint32_t>(), [](std::uint32_t bits) {
            return Step{static_cast<std::uint8_t>(bits & 7U), static_cast<std::uint8_t>(bits >> 8U),
                        static_cast<std::uint8_t>(bits >> 16U & 3U)};
        }));
};

constexpr std::uint8_t kMembers = 4;
Mac own(unsigned n) { return Mac{{2, 0xbd, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
Mac theirs(unsigned n) { return Mac{{2, 0xc, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }
Ipv4 ip(unsigned n) { return Ipv4{{192, 0, 2, static_cast<std::uint8_t>(n)}}; }

// What a neighbour has in its table for one of our addresses.
struct Learnt {
    Mac mac;
    Time changed;
};

struct Life {
    static constexpr Duration kLocktime = std::chrono::seconds(1);
    // A Linux neighbour's own timers change its entry, too, this long after another change at the earliest.
    static constexpr Duration kTimers = std::chrono::seconds(5);
    Rlb rlb;
    std::map<std::pair<Ipv4, Ipv4>, Learnt> tables; // by the neighbour's address and ours
    Time now = time_from_ns(1'000'000'000);
    std::uint32_t present = 0b11;
    std::array<std::uint32_t, kMembers> speed{1000, 1000, 1000, 1000};

    Life() {
        std::vector<Mac> all;
        for (unsigned m = 0; m < kMembers; ++m) all.push_back(own(m));
        rlb.set_own_macs(all);
        arrange();
    }
    void arrange() {
        std::vector<RlbMember> members;
        for (std::uint8_t m = 0; m < kMembers; ++m)
            if ((present >> m & 1U) != 0) members.push_back({MemberId{m}, own(m), speed[m]});
        rlb.set_members(members, members.empty() ? kNoMember : members[0].id, now);
    }
    void learn(Learnt& entry, const Mac& mac) const {
        if (entry.mac == mac || now <= entry.changed + kLocktime) return;
        entry.mac = mac;
        entry.changed = now;
    }
    // All that members send arrives.
    void deliver() {
        for (RlbFrame f; rlb.poll_transmit(f);) {
            RC_ASSERT(f.length <= RlbFrame::kMost);
            if (f.member == kNoMember) continue;
            const Bytes bytes{f.bytes.data(), f.length};
            const auto arp = parse_arp_frame(bytes);
            RC_ASSERT(arp.has_value());
            if (parse_eth(bytes)->destination.is_multicast())
                for (auto& [who, entry] : tables)
                    if (who.second == arp->sender_ip) learn(entry, arp->sender_mac);
            const std::pair key{arp->target_ip, arp->sender_ip};
            const auto [at, fresh] = tables.emplace(key, Learnt{arp->sender_mac, now});
            if (!fresh) learn(at->second, arp->sender_mac);
        }
    }
    void timer_of(Ipv4 neighbour) { // of one that has spoken or was spoken to
        bool there = false;
        rlb.clients().each(
            [&](const Client& c) { there |= c.key.client == mapped(neighbour) && !c.mac.is_zero(); });
        for (auto& [who, entry] : tables)
            if (there && who.first == neighbour && now >= entry.changed + kTimers) entry.changed = now;
    }
    void pass(Duration duration) {
        for (const Time end = now + duration;; deliver()) {
            const Time next = std::min(std::max(rlb.next_deadline(), now), end);
            now = next;
            rlb.handle_timeout(now);
            if (next == end) break;
        }
        deliver();
    }
    void check_learnt() {
        pass(std::chrono::seconds(10));
        if (present == 0) return;
        rlb.clients().each([&](const Client& c) {
            if (c.mac.is_zero()) return;
            const auto at = tables.find({unmapped(c.key.client), unmapped(c.key.ours)});
            if (at != tables.end()) RC_ASSERT(at->second.mac == own(c.member.value));
        });
    }
    std::map<Ipv6, MemberId> neighbors() {
        std::map<Ipv6, MemberId> all;
        rlb.clients().each([&](const Client& c) {
            if (c.mac.is_zero()) return;
            const auto [at, fresh] = all.emplace(c.key.client, c.member);
            RC_ASSERT(fresh || at->second == c.member);
        });
        return all;
    }
    void check_even() {
        if (present == 0) return;
        std::map<MemberId, double> count;
        for (const auto& [client, member] : neighbors()) ++count[member];
        double most = 0, least = 1e9;
        for (std::uint8_t m = 0; m < kMembers; ++m) {
            if ((present >> m & 1U) == 0) continue;
            const double n = count[MemberId{m}];
            RC_ASSERT(n == rlb.clients_of(MemberId{m}));
            most = std::max(most, n / speed[m]);
            least = std::min(least, (n + 1) / speed[m]);
        }
        RC_ASSERT(most <= least);
    }
};

void run(const std::vector<Step>& life_steps) {
    Life life;
    for (const Step& s : life_steps) {
        std::uint8_t frame[80];
        const unsigned who = s.who % 60U + 1;
        const auto before = life.neighbors();
        switch (s.kind) {
        case 0: { // a member goes or comes
            const std::uint32_t bit = 1U << s.who % kMembers;
            const bool comes = (life.present & bit) == 0;
            const bool some = life.present != 0;
            life.present ^= bit;
            life.arrange();
            std::uint32_t moved = 0, concerned = 0;
            const auto after = life.neighbors();
            for (const auto& [client, member] : before) {
                moved += after.at(client) != member ? 1U : 0U;
                concerned += member.value == s.who % kMembers ? 1U : 0U;
            }
            if (comes) concerned = life.rlb.clients_of(MemberId{static_cast<std::uint8_t>(s.who % kMembers)});
            const bool same_speed = life.speed == std::array<std::uint32_t, kMembers>{1000, 1000, 1000, 1000};
            if (some && same_speed) RC_ASSERT(moved <= concerned);
            life.check_even();
            break;
        }
        case 1: // another speed
            life.speed[s.who % kMembers] = s.ours % 2 == 0 ? 1000 : 10000;
            life.arrange();
            life.check_even();
            break;
        case 2: // asked for; few answer
            life.rlb.handle_own({frame, build_arp(frame, Mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, own(0),
                                                  {ArpOp::request, own(0), ip(100U + s.ours), {}, ip(who)})},
                                life.now);
            break;
        case 3:
            life.rlb.handle_received(
                {frame, build_arp(frame, own(0), theirs(who),
                                  {ArpOp::reply, theirs(who), ip(who), own(0), ip(100U + s.ours)})},
                life.now);
            break;
        case 4: life.pass(std::chrono::milliseconds(s.who * 10)); break;
        case 5: life.timer_of(ip(who)); break;
        default: // answered by our kernel, for one of our addresses
            life.rlb.handle_own(
                {frame, build_arp(frame, theirs(who), own(0),
                                  {ArpOp::reply, own(0), ip(100U + s.ours), theirs(who), ip(who)})},
                life.now);
        }
        life.pass({});
        (void)life.neighbors();
    }
    life.check_learnt();
}

} // namespace

TEST_CASE("neighbours with several of our addresses are shared out evenly, and that ends [D2]", "[D2]") {
    if (std::getenv("RC_PARAMS") == nullptr) {                    // NOLINT(concurrency-mt-unsafe)
        const char* runs = std::getenv("DPDKBOND_PROPERTY_RUNS"); // NOLINT(concurrency-mt-unsafe)
        setenv("RC_PARAMS", ("max_success=" + std::string(runs != nullptr ? runs : "1000")).c_str(),
               1); // NOLINT
    }
    CHECK(rc::check("evening out ends and moves no more than it must", [] { run(*steps()); }));
}

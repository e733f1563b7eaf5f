// SPDX-License-Identifier: BSD-3-Clause
// Monitors of a bond in virtual time: a switch floods and forwards, targets answer, paths break, frames are
// lost at random.
#include <catch2/catch.hpp>

#include <random>

#include "bond/bond.hpp"
#include "drivers/registry.hpp"
#include "proto/arp.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;

namespace {

const Ipv4 kOwn = *Ipv4::parse("192.0.2.1"), kTarget = *Ipv4::parse("192.0.2.2");
constexpr Mac kTargetMac{{2, 0, 0, 0, 0, 0xaa}};
constexpr Duration kWire = 200us;

// Members on one switch with one target behind it.
class Net {
public:
    Net(Mode mode, unsigned members, const BondOptions& options, unsigned seed = 1)
        : count(members), controller_(find_mode(mode)->control_half()),
          bond("sim", {mode, controller_.get(), find_mode(mode)->data_half(options)}, options, std::nullopt,
               1500),
          random(seed) {
        LocalAddresses addresses;
        addresses.push_back({.prefix = *IpPrefix::parse("192.0.2.1/24"), .mac = {}, .tags = {}});
        bond.set_addresses(addresses);
        for (unsigned i = 0; i < members; ++i) {
            MemberInfo info;
            info.name = "m" + std::to_string(i);
            info.perm_mac = Mac{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(i)}};
            REQUIRE(bond.add_member(info, {.carrier = true}, now).ok());
            whole[i] = true;
        }
        settle();
    }

    void pass(Duration d) {
        const Time end = now + d;
        for (;;) {
            Time next = bond.next_deadline();
            for (const Flying& f : flying_) next = std::min(next, f.at);
            if (next > end) break;
            now = std::max(now, next);
            deliver();
            settle();
        }
        now = end;
        settle();
    }
    void link(unsigned i, bool up) {
        carrier[i] = up;
        bond.handle_link(id(i), {.carrier = up}, now);
        settle();
    }
    bool good(unsigned i) const { return whole[i] && carrier[i]; }
    int active() const { return bond.active() == kNoMember ? -1 : bond.active().value; }
    bool up(unsigned i) const { return (bond.usable().bits() >> i & 1U) != 0; }
    static MemberId id(unsigned i) { return MemberId{static_cast<std::uint8_t>(i)}; }
    BondStatus status() const {
        BondStatus s;
        bond.fill(s);
        return s;
    }
    std::string reason(unsigned i) { // of the last loss of a member
        return reasons[i];
    }

    unsigned count;

private:
    struct Flying {
        Time at;
        unsigned member;
        OwnFrame frame;
    };
    bool lost() { return std::uniform_real_distribution<>(0, 1)(random) < loss; }

    // A probe reaches the target and floods to the other members; the answer comes to the one that asked.
    void send(const OwnFrame& f) {
        const unsigned from = f.member.value;
        ++traffic[from].tx;
        const auto arp = parse_arp_frame({f.frame.data(), f.length});
        if (!good(from) || lost() || !arp) return;
        for (unsigned i = 0; i < count; ++i)
            if (i != from && good(i) && !lost()) flying_.push_back({now + kWire, i, f});
        if (arp->target_ip != kTarget || arp->is_gratuitous() || !target_alive || lost()) return;
        OwnFrame answer;
        answer.length = static_cast<std::uint16_t>(
            build_arp(answer.frame, arp->sender_mac, kTargetMac,
                      {ArpOp::reply, kTargetMac, kTarget, arp->sender_mac, arp->sender_ip}));
        flying_.push_back({now + 2 * kWire, from, answer});
    }
    void deliver() {
        for (std::size_t i = 0; i < flying_.size();) {
            if (flying_[i].at > now) {
                ++i;
                continue;
            }
            const Flying f = flying_[i];
            flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(i));
            if (!good(f.member)) continue;
            ++traffic[f.member].rx;
            bond.handle_frame(id(f.member), {f.frame.frame.data(), f.frame.length}, now);
        }
    }
    void settle() {
        if (bond.wants_traffic(now))
            for (unsigned i = 0; i < count; ++i) bond.handle_traffic(id(i), traffic[i], now);
        bond.handle_timeout(now);
        for (OwnFrame f; bond.poll_transmit(f);) send(f);
        for (Event e; bond.poll_event(e);) {
            if (e.kind != EventKind::member_down) continue;
            reasons[static_cast<unsigned>(e.member.view()[1] - '0')] = e.detail.str();
        }
    }

    std::unique_ptr<Controller> controller_;
    std::vector<Flying> flying_;

public:
    Time now{};
    Bond bond;
    std::mt19937 random;
    double loss = 0;
    bool target_alive = true;
    std::array<bool, kMaxMembers> whole{}, carrier = all_true();
    std::array<MemberTraffic, kMaxMembers> traffic{};
    std::array<std::string, kMaxMembers> reasons{};

private:
    static std::array<bool, kMaxMembers> all_true() {
        std::array<bool, kMaxMembers> a{};
        a.fill(true);
        return a;
    }
};

BondOptions probing(std::uint32_t interval, ArpValidate validate = ArpValidate::none) {
    BondOptions o;
    o.miimon = 0;
    o.arp_interval = interval;
    o.arp_ip_target = {kTarget};
    o.arp_validate = validate;
    return o;
}

constexpr ArpValidate kAllValidations[] = {
    ArpValidate::none,   ArpValidate::active,        ArpValidate::backup,       ArpValidate::all,
    ArpValidate::filter, ArpValidate::filter_active, ArpValidate::filter_backup};

} // namespace

TEST_CASE("every arp_validate keeps whole paths up and leaves a silent one in time") {
    for (const Mode mode : {Mode::active_backup, Mode::balance_rr, Mode::balance_xor, Mode::broadcast})
        for (const ArpValidate validate : kAllValidations)
            for (const std::uint32_t interval : {50U, 200U, 1000U}) {
                INFO(mode_name(mode) << ' ' << static_cast<unsigned>(validate) << ' ' << interval);
                Net net(mode, 3, probing(interval, validate));
                net.pass(20 * std::chrono::milliseconds(interval) + 17ms);
                for (unsigned i = 0; i < 3; ++i) CHECK(net.status().members[i].link_failures == 0);
                net.whole[0] = false;
                const Time cut = net.now;
                while (net.up(0) && net.now < cut + 30s) net.pass(1ms);
                CHECK(net.now - cut <= std::chrono::milliseconds(interval) * 5 / 2 + 1ms);
                CHECK(net.reason(0) == "arp 192.0.2.2");
                CHECK(net.up(1));
                net.pass(std::chrono::milliseconds(interval) * 5);
                CHECK(net.up(1));
                CHECK(net.up(2));
                net.whole[0] = true;
                net.pass(std::chrono::milliseconds(interval) * 3);
                CHECK(net.up(0));
            }
}

TEST_CASE("when the target dies every path is as bad, and the first answer wins when it is back") {
    Net net(Mode::active_backup, 3, probing(100, ArpValidate::all));
    net.pass(2s);
    net.target_alive = false;
    net.pass(1s);
    CHECK(net.active() == -1);
    CHECK_FALSE(net.bond.link_up());
    net.target_alive = true;
    net.pass(150ms);
    CHECK(net.active() != -1);
    CHECK(net.bond.link_up());
}

TEST_CASE("the carrier counts at once beside the probes, and names itself") {
    Net net(Mode::active_backup, 2, probing(1000));
    net.pass(5s);
    net.link(0, false);
    CHECK(net.active() == 1);
    CHECK(net.reason(0) == "carrier");
    net.link(0, true);
    CHECK_FALSE(net.up(0)); // a carrier alone proves nothing
    net.pass(1100ms);
    CHECK(net.up(0));
}

TEST_CASE("a monitor that is changed, ended or begun while the bond runs starts afresh") {
    Net net(Mode::active_backup, 2, BondOptions{});
    net.pass(1s);
    net.whole[0] = false;
    net.pass(5s);
    CHECK(net.active() == 0); // carrier is all that is watched
    BondOptions o = probing(100);
    net.bond.set_options(o, nullptr, net.now);
    net.pass(260ms);
    CHECK(net.active() == 1);
    o.arp_missed_max = 20;
    net.bond.set_options(o, nullptr, net.now);
    net.whole[1] = false;
    net.pass(1900ms);
    CHECK(net.active() == 1);
    net.pass(200ms);
    CHECK(net.active() == -1);
    net.bond.set_options(BondOptions{}, nullptr, net.now);
    net.pass(1ms);
    CHECK(net.active() != -1);
    CHECK(net.up(0));
    CHECK(net.up(1));
}

TEST_CASE("a mode that balances takes the monitor over from active-backup and gives it back") {
    const BondOptions o = probing(100, ArpValidate::all);
    Net net(Mode::active_backup, 2, o);
    net.pass(1s);
    const auto rr = find_mode(Mode::balance_rr)->control_half(),
               ab = find_mode(Mode::active_backup)->control_half();
    net.bond.set_mode({Mode::balance_rr, rr.get(), nullptr, nullptr}, o, net.now);
    net.pass(1s);
    CHECK(net.up(0));
    CHECK(net.up(1));
    net.whole[1] = false;
    net.pass(260ms);
    CHECK_FALSE(net.up(1));
    net.bond.set_mode({Mode::active_backup, ab.get(), nullptr, nullptr}, o, net.now);
    net.whole[1] = true;
    net.pass(1s);
    CHECK(net.active() == 0);
    CHECK(net.up(1));
    net.whole[0] = false;
    net.pass(260ms);
    CHECK(net.active() == 1);
}

TEST_CASE("damping: a member that flaps is held out, but never the last one") {
    BondOptions o;
    o.damping_half_life = 10;
    o.primary = "m0";
    Net net(Mode::active_backup, 2, o);
    net.pass(1s);
    for (int i = 0; i < 2; ++i) {
        net.link(0, false);
        net.pass(10ms);
        net.link(0, true);
        net.pass(10ms);
    }
    CHECK(net.active() == 0); // 2 losses are not yet 2000: the first has decayed
    net.link(0, false);
    net.pass(10ms);
    net.link(0, true);
    net.pass(10ms);
    CHECK(net.active() == 1);
    CHECK_FALSE(net.up(0));
    CHECK(net.status().members[0].mii == MiiStatus::going_back);
    CHECK(net.status().members[0].objection == "flapping");
    CHECK(net.status().members[0].flap_suppressed);
    CHECK(net.status().members[0].link_failures == 3);
    net.link(1, false); // better one that flaps than none
    CHECK(net.active() == 0);
    net.link(1, true);
    CHECK(net.active() == 1);
    net.pass(25s);
    CHECK(net.active() == 0);
    CHECK_FALSE(net.status().members[0].flap_suppressed);
    CHECK(net.status().members[0].link_failures == 3);
}

TEST_CASE("damping: with every member flapping the one that was lost least is used") {
    BondOptions o;
    o.damping_half_life = 60;
    Net net(Mode::balance_rr, 3, o);
    for (unsigned i = 0; i < 3; ++i)
        for (unsigned n = 0; n < 4 + (i == 1 ? 0 : 2); ++n) {
            net.link(i, false);
            net.pass(1ms);
            net.link(i, true);
            net.pass(1ms);
        }
    CHECK(net.bond.usable().bits() == 0b010);
    o.damping_half_life = 0;
    net.bond.set_options(o, nullptr, net.now);
    CHECK(net.bond.usable().bits() == 0b111);
}

// Paths break and heal, links drop, frames get lost; and at every instant one member at most is active, and
// while some path is good for longer than the windows take, one is, and it is a good one.
TEST_CASE("ten thousand random histories never have two active members, nor none while one is good") {
    constexpr unsigned kHistories = 10'000;
    std::mt19937 random(20'26);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    for (unsigned history = 0; history < kHistories; ++history) {
        BondOptions o = probing(50 + 50 * pick(3), kAllValidations[pick(7)]);
        o.arp_missed_max = static_cast<std::uint8_t>(1 + pick(3));
        if (pick(3) == 0) o.primary = "m1";
        if (pick(4) == 0) o.damping_half_life = 1;
        const bool lossy = pick(2) == 0;
        Net net(Mode::active_backup, 2 + pick(2), o, history);
        if (lossy) net.loss = 0.1;
        const Duration interval = std::chrono::milliseconds(o.arp_interval);
        // The active is silent for M + 1/2 intervals, then each candidate is given one, the new one's answer
        // arrives; a grace of 2 1/2 may come before.
        const Duration windows = interval * (o.arp_missed_max + 5 + net.count);
        INFO("history " << history);
        for (unsigned step = 0; step < 4; ++step) {
            const unsigned i = pick(net.count);
            if (pick(3) == 0)
                net.link(i, !net.carrier[i]);
            else
                net.whole[i] = !net.whole[i];
            if (pick(2) == 0) { // the next blow comes before the windows have ended
                net.pass(Duration(pick(1'000'000)) * 200);
                continue;
            }
            net.pass(windows);
            const BondStatus s = net.status();
            const auto actives = std::count_if(s.members.begin(), s.members.end(),
                                               [](const MemberStatus& m) { return m.active; });
            if (actives > 1) FAIL("two are active");
            bool any_good = false;
            for (unsigned m = 0; m < net.count; ++m) any_good |= net.good(m);
            if (lossy || !any_good) continue; // what is lost may cost a path, for a while
            if (net.active() < 0) FAIL("none is active though one is good, step " << step);
            if (!net.good(static_cast<unsigned>(net.active()))) FAIL("a bad one is active, step " << step);
        }
        net.loss = 0;
        for (unsigned m = 0; m < net.count; ++m) {
            net.whole[m] = true;
            net.link(m, true);
        }
        net.pass(windows);
        if (net.active() < 0) FAIL("none is active though all are good");
    }
}

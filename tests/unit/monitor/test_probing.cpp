// SPDX-License-Identifier: BSD-3-Clause
// The windows of the probing monitor, to the nanosecond.
#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "monitor/probing.hpp"

using namespace dpdkbond;
using namespace std::chrono_literals;
using State = ProbeMonitor::State;

namespace {

constexpr MemberId kM0{0}, kM1{1}, kM2{2};
constexpr std::uint8_t kActive = 1, kBackup = 2, kFilter = 4;

ProbeRules rules(bool one_active, std::uint8_t validate = 0, std::uint32_t targets = 1) {
    return {.interval = 100ms,
            .missed_max = 2,
            .one_active = one_active,
            .validate = validate,
            .targets = targets};
}

class Rig {
public:
    explicit Rig(const ProbeRules& r, unsigned members = 2) : count(members) {
        monitor.set_rules(r, now);
        monitor.set_ready(r.targets, now);
        for (std::uint8_t i = 0; i < members; ++i) {
            monitor.join(MemberId{i}, now);
            monitor.set_link(MemberId{i}, true, now);
        }
        if (r.one_active) monitor.set_active(kM0, now);
        monitor.take_probes();
    }
    // Wakes the monitor whenever it asked for it; `hears`: members that receive something all the time.
    void pass(Duration d, std::vector<MemberId> hears = {}, bool sends = true) {
        const Time end = now + d;
        for (bool last = false; !last;) {
            last = monitor.next_deadline() > end;
            now = last ? end : std::max(now, monitor.next_deadline());
            for (const MemberId id : hears) ++traffic[id.value].rx;
            if (sends)
                for (MemberTraffic& t : traffic) ++t.tx;
            for (std::uint8_t i = 0; i < count; ++i) monitor.handle_traffic(MemberId{i}, traffic[i], now);
            monitor.handle_timeout(now);
            const std::uint32_t mask = monitor.take_probes().bits();
            if (mask != 0) probes.push_back(mask);
        }
    }
    // When a member that falls silent now goes down.
    Duration until_down(MemberId id, std::vector<MemberId> others = {}, bool sends = true) {
        const Time began = now;
        while (monitor.state(id) == State::up && now < began + 10s) pass(1ms, others, sends);
        return now - began;
    }
    bool up(MemberId id) { return monitor.state(id) == State::up; }

    unsigned count;
    Time now{};
    ProbeMonitor monitor;
    std::array<MemberTraffic, kMaxMembers> traffic{};
    std::vector<std::uint32_t> probes;
};

} // namespace

TEST_CASE("balancing: every member probes in every interval, links that are off excepted") {
    Rig rig(rules(false), 3);
    rig.monitor.set_link(kM1, false, rig.now);
    rig.pass(550ms, {kM0, kM2});
    CHECK(rig.probes == std::vector<std::uint32_t>(6, 0b101));
}

TEST_CASE("balancing: a silent member is down two and a half intervals after its last frame, and not later") {
    for (const std::uint8_t missed : {1, 2, 5}) {
        ProbeRules r = rules(false);
        r.missed_max = missed;
        Rig rig(r);
        rig.pass(1s, {kM0, kM1});
        const Duration took = rig.until_down(kM0, {kM1});
        CHECK(took <= missed * 100ms + 50ms);
        CHECK(took >= missed * 100ms + 50ms - 12ms); // counters are looked at ten times an interval
        CHECK(rig.up(kM1));
        CHECK(rig.monitor.silent_targets(kM0) == 1);
        CHECK_FALSE(rig.monitor.mute(kM0));
    }
}

TEST_CASE("a member that cannot send goes as one that hears nothing does, and says which") {
    for (const bool one_active : {false, true}) {
        Rig rig(rules(one_active));
        rig.pass(1s, {kM0, kM1});
        CHECK(rig.until_down(kM0, {kM0, kM1}, false) <= 250ms);
        CHECK(rig.monitor.mute(kM0));
    }
}

TEST_CASE("balancing: one frame brings a member back, if it sends too") {
    Rig rig(rules(false));
    rig.pass(1s, {kM1});
    REQUIRE_FALSE(rig.up(kM0));
    rig.pass(200ms, {kM1}, false);
    rig.pass(200ms, {kM0, kM1}, false);
    CHECK_FALSE(rig.up(kM0));
    rig.pass(20ms, {kM0, kM1});
    CHECK(rig.up(kM0));
}

TEST_CASE("one active: only it probes; it has M + 1/2 intervals, a backup one more") {
    Rig rig(rules(true));
    rig.pass(1s, {kM0, kM1});
    CHECK(std::ranges::all_of(rig.probes, [](std::uint32_t mask) { return mask == 1; }));
    CHECK(rig.probes.size() == 10);
    Rig other = rig;
    CHECK(rig.until_down(kM0, {kM1}) <= 250ms);
    const Duration took = other.until_down(kM1, {kM0});
    CHECK(took <= 350ms);
    CHECK(took > 250ms);
}

TEST_CASE(
    "one active: who has just become it is left alone for two and a half intervals, and probes at once") {
    ProbeRules r = rules(true);
    r.missed_max = 1;
    Rig rig(r);
    rig.pass(1s, {kM0, kM1});
    rig.pass(130ms, {kM0});
    rig.probes.clear();
    rig.monitor.set_active(kM1, rig.now);
    CHECK(rig.monitor.take_probes().bits() == 0b10);
    CHECK(rig.until_down(kM1) == 250ms);
}

TEST_CASE("with nobody active each member is tried for an interval, until one hears something") {
    Rig rig(rules(true), 3);
    rig.monitor.set_link(kM1, false, rig.now);
    rig.pass(1s);
    rig.monitor.set_active(kNoMember, rig.now);
    CHECK(rig.monitor.take_probes().bits() == 0b1);
    CHECK(rig.monitor.state(kM0) == State::trial);
    rig.probes.clear();
    rig.pass(250ms);
    CHECK(rig.probes == std::vector<std::uint32_t>{0b100, 0b1});
    CHECK(rig.monitor.state(kM2) == State::down);
    rig.pass(20ms, {kM2}); // whoever it is
    CHECK(rig.up(kM2));
    CHECK(rig.monitor.state(kM0) == State::down);
}

TEST_CASE("a link that was lost needs a sign of life to come back") {
    Rig rig(rules(true));
    rig.pass(1s, {kM0, kM1});
    rig.monitor.set_link(kM1, false, rig.now);
    CHECK_FALSE(rig.up(kM1));
    rig.monitor.set_link(kM1, true, rig.now);
    rig.pass(500ms, {kM0});
    CHECK_FALSE(rig.up(kM1));
    rig.pass(20ms, {kM0, kM1});
    CHECK(rig.up(kM1));
}

TEST_CASE("what counts as a sign of life, by arp_validate, role and frame") {
    struct Row {
        std::uint8_t validate;
        bool backup; // the member that hears it
        bool any, neighbor, answer, echo;
    };
    const Row table[] = {
        {0, false, true, false, false, false},
        {0, true, true, false, false, false},
        {kActive, false, false, false, true, false},
        {kActive, true, true, false, false, false},
        {kBackup, false, true, false, false, false},
        {kBackup, true, false, false, false, true},
        {kActive | kBackup, false, false, false, true, false},
        {kActive | kBackup, true, false, false, false, true},
        {kFilter, false, false, true, false, false},
        {kFilter, true, false, true, false, false},
        {kFilter | kActive, false, false, false, true, false},
        {kFilter | kActive, true, false, true, false, false},
        {kFilter | kBackup, false, false, true, false, false},
        {kFilter | kBackup, true, false, false, false, true},
    };
    for (const Row& row : table) {
        const MemberId id = row.backup ? kM1 : kM0;
        const auto keeps = [&](auto hear) {
            Rig rig(rules(true, row.validate));
            for (int i = 0; i < 200; ++i) {
                // The active hears the target all the time when it is the backup that is asked about: only
                // then is an echo to be trusted.
                if (row.backup) {
                    ++rig.traffic[0].rx;
                    rig.monitor.handle_neighbor(kM0, rig.now);
                    rig.monitor.handle_sign(kM0, {0, false, true}, rig.now);
                }
                hear(rig);
                rig.pass(10ms);
            }
            return rig.up(id);
        };
        INFO(unsigned{row.validate} << (row.backup ? " backup" : " active"));
        CHECK(keeps([&](Rig& r) { ++r.traffic[id.value].rx; }) == row.any);
        CHECK(keeps([&](Rig& r) { r.monitor.handle_neighbor(id, r.now); }) == row.neighbor);
        CHECK(keeps([&](Rig& r) { r.monitor.handle_sign(id, {0, false, true}, r.now); }) == row.answer);
        CHECK(keeps([&](Rig& r) { r.monitor.handle_sign(id, {0, true, false}, r.now); }) == row.echo);
    }
}

TEST_CASE("a backup's echo is worth nothing while the active itself gets no answer") {
    Rig rig(rules(true, kBackup));
    rig.pass(1ms);
    const Time began = rig.now;
    while (rig.up(kM1) && rig.now < began + 2s) {
        rig.monitor.handle_sign(kM1, {0, true, false}, rig.now);
        rig.pass(5ms);
    }
    CHECK(rig.now - began <= 350ms);
}

TEST_CASE("while a candidate is tried its answer counts wherever the switch delivers it") {
    Rig rig(rules(true, kActive | kBackup));
    rig.pass(1s);
    rig.monitor.set_active(kNoMember, rig.now);
    REQUIRE(rig.monitor.state(kM0) == State::trial);
    SECTION("a reply does") {
        rig.monitor.handle_sign(kM1, {0, false, true}, rig.now + 149ms);
        CHECK(rig.up(kM1));
        CHECK(rig.monitor.state(kM0) == State::down);
    }
    SECTION("a request of the target's does not") {
        rig.monitor.handle_sign(kM1, {0, false, false}, rig.now);
        CHECK_FALSE(rig.up(kM1));
    }
    SECTION("an echo does not") {
        rig.monitor.handle_sign(kM1, {0, true, false}, rig.now);
        rig.monitor.handle_sign(kM0, {0, true, false}, rig.now);
        CHECK_FALSE(rig.up(kM1));
        CHECK_FALSE(rig.up(kM0));
    }
}

TEST_CASE("arp_all_targets: any target that answers is enough, or each of them is needed") {
    for (const bool all : {false, true}) {
        ProbeRules r = rules(true, kActive, 0b11);
        r.all_targets = all;
        Rig rig(r);
        for (int i = 0; i < 100; ++i) {
            rig.monitor.handle_sign(kM0, {1, false, true}, rig.now);
            rig.pass(10ms, {kM1});
        }
        CHECK(rig.up(kM0) == !all);
        if (all) CHECK(rig.monitor.silent_targets(kM0) == 0b01);
    }
}

TEST_CASE("a target that can be asked from now on is no sign of life of a member that is down [D17]",
          "[D17]") {
    for (const bool all : {false, true}) {
        ProbeRules r = rules(true, kActive | kBackup, 0b1);
        Rig rig(rules(true));
        r.all_targets = all;
        rig.monitor.set_rules({}, rig.now);
        rig.monitor.set_rules(r, rig.now); // no target can be asked
        rig.pass(1s);
        rig.monitor.set_link(kM0, false, rig.now);
        rig.monitor.set_active(kNoMember, rig.now);
        rig.pass(50ms);
        rig.monitor.set_link(kM0, true, rig.now);
        rig.pass(50ms);
        rig.monitor.set_ready(1, rig.now);
        for (int i = 0; i < 100; ++i) {
            rig.pass(1ms);
            CHECK_FALSE(rig.up(kM0));
        }
    }
}

TEST_CASE("until a target can be asked, silence is nobody's fault") {
    Rig rig(rules(true));
    rig.monitor.set_rules({}, rig.now);
    rig.monitor.set_rules(rules(true), rig.now);
    rig.pass(10s);
    CHECK(rig.up(kM0));
    CHECK(rig.up(kM1));
    rig.monitor.set_ready(1, rig.now); // from now on it is
    CHECK(rig.until_down(kM0) == 250ms);
}

TEST_CASE("a monitor that was kept from looking does not blame the members") {
    for (const bool one_active : {false, true}) {
        Rig rig(rules(one_active));
        rig.pass(1s, {kM0, kM1});
        rig.now += 900ms;
        rig.pass(200ms, {kM0, kM1});
        CHECK(rig.up(kM0));
        CHECK(rig.up(kM1));
    }
}

TEST_CASE("while the interface is down nobody is judged, and the time does not count afterwards") {
    Rig rig(rules(true));
    rig.pass(1s, {kM0});
    rig.monitor.set_paused(true);
    CHECK(rig.monitor.next_deadline() == kNever);
    rig.pass(10s);
    CHECK(rig.up(kM0));
    CHECK_FALSE(rig.up(kM1));
    rig.monitor.set_paused(false);
    rig.pass(200ms, {kM0});
    CHECK(rig.up(kM0));
    CHECK(rig.until_down(kM0) <= 250ms);
}

TEST_CASE("other rules start every window afresh and call nobody up who was down") {
    Rig rig(rules(true));
    rig.pass(1s, {kM0});
    REQUIRE_FALSE(rig.up(kM1));
    rig.pass(200ms); // nearly too long for m0
    ProbeRules r = rules(true);
    r.interval = 200ms;
    rig.monitor.set_rules(r, rig.now);
    rig.monitor.set_ready(1, rig.now);
    CHECK_FALSE(rig.up(kM1));
    CHECK(rig.until_down(kM0) == 500ms);
    rig.monitor.set_rules({}, rig.now);
    CHECK(rig.monitor.next_deadline() == kNever);
}

TEST_CASE("a member that leaves while it is tried, and one that joins, are taken as they come") {
    Rig rig(rules(true));
    rig.pass(1s);
    rig.monitor.set_active(kNoMember, rig.now);
    rig.monitor.leave(kM0);
    rig.pass(100ms);
    CHECK(rig.monitor.state(kM1) == State::trial);
    rig.monitor.join(kM2, rig.now);
    rig.monitor.set_link(kM2, true, rig.now);
    CHECK(rig.up(kM2));
    CHECK(rig.monitor.state(kM1) == State::down);
}

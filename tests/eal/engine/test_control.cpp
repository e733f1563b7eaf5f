// SPDX-License-Identifier: BSD-3-Clause
// The control lcore without devices: what it hands over, how much of its inbox it takes at a time, calls.
#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/fd.hpp"
#include "datapath/link_local.hpp"
#include "engine/control.hpp"
#include "engine/lane_sums.hpp"
#include "engine/notice.hpp"
#include "rig.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

std::unique_ptr<BondCore> core_of(Mode mode, unsigned members, Rcu& rcu, unsigned number = 0) {
    auto core = std::make_unique<BondCore>("bond" + std::to_string(number), *find_mode(mode), BondOptions{},
                                           std::nullopt, 1500, rcu, 1, std::to_string(number));
    for (unsigned i = 0; i < members; ++i) {
        MemberInfo info;
        info.name = "m" + std::to_string(i);
        info.perm_mac = Mac{{2, 0, 0, 0, static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(i)}};
        REQUIRE(
            core->bond.add_member(info, {.carrier = true, .speed_mbps = 1000, .duplex = Duplex::full}, now())
                .ok());
    }
    core->bond.macs_applied(core->bond.mac_plan().version, now());
    return core;
}

struct Heard { // what ordinary threads have been told of one bond
    std::optional<Wanted> wanted;
    unsigned events = 0;
    bool lost = false;

    void hear(Control& control, std::uint32_t bond = 0) {
        for (Notice n; control.take_notice(n);) {
            if (n.bond != bond) continue;
            if (n.kind == Notice::Kind::wanted) {
                wanted = n.wanted;
                continue;
            }
            ++events;
            lost |= std::string(n.event.detail).find("events lost") != std::string::npos;
        }
    }
};

void cut(Control& control, unsigned members, std::uint32_t bond = 0) {
    for (unsigned i = 0; i < members; ++i)
        REQUIRE(control.post_link(bond, MemberId{static_cast<std::uint8_t>(i)}, {}));
}

} // namespace

TEST_CASE("all links of a large bond go at once: the carrier goes too [H3] [D9]", "[H3][D9]") {
    const auto [mode, members] =
        GENERATE(std::pair{Mode::active_backup, 22U}, std::pair{Mode::balance_rr, 32U},
                 std::pair{Mode::balance_tlb, 31U}, std::pair{Mode::ieee8023ad, 16U});
    CAPTURE(mode_name(mode), members);
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    auto core = core_of(mode, members, rcu);
    control.set_bond(0, core.get());
    control.serve();
    Heard heard;
    heard.hear(control);
    REQUIRE(heard.wanted);
    CHECK(heard.wanted->carrier == core->bond.link_up());
    heard.lost = false; // so many members joined at once
    cut(control, members);
    for (int round = 0; round < 4; ++round) control.serve();
    CHECK_FALSE(core->bond.link_up());
    heard.hear(control);
    CHECK_FALSE(heard.wanted->carrier);
    CHECK_FALSE(heard.lost); // so few at a time that each finds room

    const LinkState up{.carrier = true, .speed_mbps = 1000, .duplex = Duplex::full};
    for (std::uint8_t i = 0; i < members; ++i) REQUIRE(control.post_link(0, MemberId{i}, up));
    for (const Time end = now() + std::chrono::seconds(10); !core->bond.link_up() && now() < end;)
        control.serve(); // 802.3ad waits for a partner
    control.serve();
    heard.hear(control);
    CHECK(core->bond.link_up());
    CHECK(heard.wanted->carrier);
}

TEST_CASE("a netdev that somebody set down is told from one that lost its carrier", "[operator]") {
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    auto core = core_of(Mode::active_backup, 2, rcu);
    control.set_bond(0, core.get());
    control.serve();
    REQUIRE(control.post_link(0, MemberId{1}, {.carrier = false, .set_down = true}));
    control.serve();
    BondStatus status;
    core->status.load(status);
    CHECK(status.members[1].objection == "carrier (its netdev is set down)");
    control.set_bond(0, nullptr);
}

TEST_CASE("events that find no room are counted, said, and take no carrier with them [H3]", "[H3]") {
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    auto core = core_of(Mode::active_backup, 30, rcu);
    control.set_bond(0, core.get());
    control.serve();
    Heard heard;
    heard.hear(control);
    for (std::uint8_t i = 0; i < 30; ++i) core->bond.handle_link(MemberId{i}, {}, now());
    CHECK(core->bond.events_lost() > 0);
    control.serve();
    heard.hear(control);
    CHECK_FALSE(heard.wanted->carrier);
    CHECK(heard.lost);
}

TEST_CASE("an outbox that nobody empties holds up no carrier, only delays it [H3]", "[H3]") {
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    auto core = core_of(Mode::active_backup, 2, rcu);
    control.set_bond(0, core.get());
    control.serve();
    for (int i = 0; i < 3000; ++i) {
        core->bond.note(EventKind::warning, kNoMember, "filler", now());
        control.serve();
    }
    cut(control, 2);
    control.serve();
    CHECK_FALSE(core->bond.link_up());
    Heard heard;
    heard.hear(control);
    control.serve();
    heard.hear(control);
    REQUIRE(heard.wanted);
    CHECK_FALSE(heard.wanted->carrier);
    CHECK(heard.lost);
}

TEST_CASE("64 bonds on one control: each is told of its own links") {
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    std::vector<std::unique_ptr<BondCore>> cores;
    for (unsigned b = 0; b < kMaxBonds; ++b) {
        cores.push_back(core_of(Mode::active_backup, 2, rcu, b));
        control.set_bond(b, cores.back().get());
    }
    control.serve();
    for (Notice n; control.take_notice(n);) {
    }
    for (unsigned b = 0; b < kMaxBonds; b += 2) cut(control, 2, b);
    for (int round = 0; round < 4; ++round) control.serve();
    std::array<std::optional<Wanted>, kMaxBonds> wanted;
    for (Notice n; control.take_notice(n);)
        if (n.kind == Notice::Kind::wanted) wanted[n.bond] = n.wanted;
    for (unsigned b = 0; b < kMaxBonds; ++b) {
        CAPTURE(b);
        CHECK(cores[b]->bond.link_up() == (b % 2 == 1));
        if (b % 2 == 0) {
            REQUIRE(wanted[b]);
            CHECK_FALSE(wanted[b]->carrier);
        }
    }
    for (unsigned b = 0; b < kMaxBonds; ++b) control.set_bond(b, nullptr);
}

TEST_CASE("a full inbox is taken in portions [L21]", "[L21]") {
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    auto core = core_of(Mode::active_backup, 1, rcu);
    control.set_bond(0, core.get());
    control.serve();
    unsigned posted = 0;
    while (posted < 1000 && control.post_link(0, MemberId{0}, {.carrier = posted % 2 == 1})) ++posted;
    REQUIRE(posted > 500);
    REQUIRE(control.post_link(0, MemberId{0}, {}));
    unsigned rounds = 0;
    for (std::uint32_t failures = 0; rounds < 1000; ++rounds) {
        control.serve();
        BondStatus status;
        core->bond.fill(status);
        if (status.members[0].link_failures == std::exchange(failures, status.members[0].link_failures) &&
            rounds != 0)
            break;
        for (Notice n; control.take_notice(n);) {
        }
    }
    CHECK(rounds >= posted / 64);
}

TEST_CASE("control reads no socket of a member or bond that has left [L1]", "[L1]") {
    Rcu rcu(1);
    Control control(Idle::busy, World::get().pool);
    auto core = core_of(Mode::ieee8023ad, 2, rcu);
    control.set_bond(0, core.get());
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0);
    const Fd ours(ends[0]), theirs(ends[1]);
    char byte = 'x';
    const auto left_alone = [&] {
        REQUIRE(::send(theirs.get(), &byte, 1, 0) == 1);
        control.serve();
        return ::recv(ours.get(), &byte, 1, 0) == 1;
    };
    control.listen(0, MemberId{1}, ours.get());
    CHECK_FALSE(left_alone());
    control.listen(0, MemberId{1}, -1);
    CHECK(left_alone());
    control.listen(0, MemberId{0}, ours.get());
    CHECK_FALSE(left_alone());
    control.set_bond(0, nullptr);
    CHECK(left_alone()); // its number may be another descriptor's now
}

TEST_CASE("calls of many threads run one at a time, from the first to the last [L3] [M15]", "[L3][M15]") {
    Control control(GENERATE(Idle::busy, Idle::adaptive), World::get().pool);
    constexpr unsigned kCallers = 8, kCalls = 500;
    unsigned sum = 0; // by the thread that serves alone: no atomic
    std::atomic<unsigned> gone{0};
    control.begin(); // before any of them starts
    std::vector<std::thread> callers;
    for (unsigned i = 0; i < kCallers; ++i)
        callers.emplace_back([&] {
            for (unsigned k = 0; k < kCalls; ++k) {
                unsigned before = 0, after = 0;
                control.call([&] {
                    before = sum;
                    after = ++sum;
                });
                if (after != before + 1) break;
            }
            if (++gone == kCallers) control.stop();
        });
    control.run();
    while (gone != kCallers) control.serve();
    for (std::thread& t : callers) t.join();
    control.end();
    CHECK(sum == kCallers * kCalls);
    control.call([&] { ++sum; }); // after the end: where it is called
    CHECK(sum == kCallers * kCalls + 1);
}

TEST_CASE("what is lost is logged as a warning, what comes back is not") {
    const auto warns = [](EventKind kind) {
        Event event;
        event.kind = kind;
        return log_entry_of("bond0", event).is_warning;
    };
    for (const EventKind lost : {EventKind::bond_down, EventKind::member_down, EventKind::flap_suppressed,
                                 EventKind::lacp_no_partner, EventKind::path_down})
        CHECK(warns(lost));
    for (const EventKind fine : {EventKind::bond_up, EventKind::member_up, EventKind::active_changed,
                                 EventKind::option_changed, EventKind::reloaded})
        CHECK_FALSE(warns(fine));
}

namespace {

// What stands for a tap: one write a frame, one read a frame.
struct Pipe {
    Fd ours, hosts;
    Pipe() {
        int ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        ours = Fd(ends[0]);
        hosts = Fd(ends[1]);
    }
    void write(Bytes frame) const {
        REQUIRE(::write(hosts.get(), frame.data(), frame.size()) == std::ssize(frame));
    }
    std::size_t read() const { // the length of a frame that has come; 0: none has
        std::array<std::uint8_t, 4096> room;
        return static_cast<std::size_t>(std::max<ssize_t>(::read(hosts.get(), room.data(), room.size()), 0));
    }
};

// A bond whose last member has a tap.
struct TappedBond {
    const NothingLost check;
    Rcu rcu{1};
    Control control{Idle::busy, World::get().pool};
    std::unique_ptr<BondCore> core;
    Pipe pipe;
    explicit TappedBond(unsigned members) : core(core_of(Mode::active_backup, members, rcu)) {
        control.set_bond(0, core.get());
        control.set_tap(0, MemberId{static_cast<std::uint8_t>(members - 1)}, pipe.ours.get());
    }
    ~TappedBond() { control.set_bond(0, nullptr); }
};

std::vector<std::uint8_t> bytes_to(std::uint8_t last, std::uint16_t type, std::size_t length) {
    std::vector<std::uint8_t> frame(length);
    const Mac group{{0x01, 0x80, 0xc2, 0, 0, last}};
    std::copy(group.bytes.begin(), group.bytes.end(), frame.begin());
    if (length >= 14) store_be16(frame.data() + 12, type);
    return frame;
}

} // namespace

TEST_CASE("control carries frames between a member's wire and its tap, and counts what it does not") {
    TappedBond bond(2);
    auto& [check, rcu, control, core, pipe] = bond;
    control.serve();
    CHECK(core->seen().taps == MemberSet{MemberId{1}});

    // The host's.
    pipe.write(bytes_to(0x0e, 0x88cc, 250));
    pipe.write(bytes_to(0x02, 0x8809, 124)); // LACP is the bond's
    pipe.write(bytes_to(0x10, 0x88cc, 60));  // no link-local group
    pipe.write(bytes_to(0x0e, 0x88cc, 12));
    pipe.write(bytes_to(0x0e, 0x88cc, 1523)); // an MTU of 1500, header and two tags are 1522
    pipe.write(bytes_to(0x00, 0x0026, 60));
    control.serve();
    std::vector<std::uint32_t> left;
    for (rte_mbuf* m = nullptr; core->inject.pop(m); rte_pktmbuf_free(m)) {
        CHECK(m->port == 1);
        left.push_back(m->pkt_len);
    }
    CHECK(left == std::vector<std::uint32_t>{250, 60});

    // The wire's.
    const auto arrive = [&](unsigned member) {
        rte_mbuf* m = frame(1);
        m->port = static_cast<std::uint16_t>(kForTap | member);
        REQUIRE(core->punted[0]->push(m));
        control.serve();
    };
    arrive(1);
    CHECK(pipe.read() == 64);
    CHECK(pipe.read() == 0);
    arrive(0); // has none
    control.set_tap(0, MemberId{1}, -1);
    arrive(1); // has none any more
    CHECK(pipe.read() == 0);
    CHECK(core->seen().taps.empty());
    MemberCounters c = sum_of_member(*core, MemberId{1});
    CHECK(c.tap_to_host == 1);
    CHECK(c.tap_from_host == 2);
    CHECK(c.tap_refused == 1);
    CHECK(c.tap_foreign == 3);
    CHECK(c.tap_oversize == 1);
    CHECK(sum_of_member(*core, MemberId{0}).tap_refused == 1);
}

TEST_CASE("a host that floods a tap leaves LACPDUs half of the way to the worker") {
    TappedBond bond(1);
    auto& [check, rcu, control, core, pipe] = bond;
    const auto lldp = bytes_to(0x0e, 0x88cc, 100);
    for (int round = 0; round < 200; ++round) {
        for (int i = 0; i < 8; ++i) (void)::write(pipe.hosts.get(), lldp.data(), lldp.size());
        control.serve();
    }
    CHECK(core->inject.half_full());
    CHECK_FALSE(core->inject.full());
    CHECK(core->lost_ring_full.get() == 0);
}

TEST_CASE("a tap that somebody deletes is listened to no more") {
    TappedBond bond(1);
    auto& [check, rcu, control, core, pipe] = bond;
    control.serve();
    Heard heard;
    heard.hear(control);
    heard.events = 0;
    pipe.hosts = Fd(); // no frame can come: the end of the file
    control.serve();
    CHECK(core->taps.empty());
    control.serve();
    heard.hear(control);
    CHECK(heard.events == 1);
}

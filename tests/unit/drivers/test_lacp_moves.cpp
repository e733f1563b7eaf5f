// SPDX-License-Identifier: BSD-3-Clause
// 802.3ad moves flows from links that still work: held, asked for by markers, released (802.1AX-2014 6.5).
#include "lacp_pair.hpp"
#include "proto/marker.hpp"

using namespace dpdkbond;
using namespace dpdkbond::testing;

namespace {

struct Moving : Pair {
    explicit Moving(const BondOptions& options = fast(), unsigned members = 2) : Pair(options, members) {
        run(4s);
        REQUIRE(a.bond.usable().bits() == (1U << members) - 1);
        settle_down();
    }
    void settle_down() {
        run(1s);
        a.events.clear();
        to_b.clear();
    }
    // Until flows are held and who holds them has been told.
    void until_held() {
        for (int i = 0; a.snapshot().hold == 0; ++i) {
            REQUIRE(i < 8000);
            run(1ms);
        }
        publish();
        exchange();
    }
    unsigned held() {
        unsigned n = 0;
        for (const std::uint64_t word : a.snapshot().held)
            n += static_cast<unsigned>(__builtin_popcountll(word));
        return n;
    }
    std::uint32_t markers_to() { // the members by which a has sent some
        std::uint32_t mask = 0;
        for (const OwnFrame& f : to_b)
            if (is_marker(f)) mask |= 1U << f.member.value;
        return mask;
    }
    std::string moved() {
        std::string all;
        for (const Event& e : a.events)
            if (e.kind == EventKind::flows_moved) all += e.detail.str() + ";";
        return all;
    }
    void lose_and_return(std::uint8_t member) {
        link(member, false);
        run(100ms);
        REQUIRE(a.snapshot().hold == 0);
        link(member, true);
    }
};

} // namespace

TEST_CASE("flows of a link that returns wait until the link that had them has answered a marker") {
    Moving p;
    const Snapshot before = p.a.snapshot();
    p.answer_after = 7ms;
    p.link(1, false);
    p.run(100ms);
    const Snapshot lost = p.a.snapshot();
    CHECK(lost.hold == 0);
    p.link(1, true);
    p.until_held();
    const Snapshot holding = p.a.snapshot();
    CHECK(holding.tx_burst != before.tx_burst);
    CHECK(holding.bucket == before.bucket);
    CHECK(holding.senders.bits() == 3);
    for (std::size_t b = 0; b < holding.buckets; ++b)
        if ((holding.held[b / 64] >> b % 64 & 1U) != (lost.bucket[b] != before.bucket[b])) FAIL(b);
    CHECK(p.held() == 512);
    CHECK(p.markers_to() == 1);
    p.run(5ms);
    CHECK(p.a.snapshot().hold == holding.hold);
    p.run(3ms);
    CHECK(p.a.snapshot().hold == 0);
    CHECK(p.a.snapshot().tx_burst == before.tx_burst);
    CHECK(p.a.snapshot().bucket == before.bucket);
    CHECK(p.moved() == "512 buckets after 7.0 ms;");
}

TEST_CASE("flows of a lost link, and of a silent one, move at once and nobody is asked") {
    Moving p;
    SECTION("lost") { p.link(1, false); }
    SECTION("silent") {
        p.cut = 2;
        for (int i = 0; p.a.bond.usable().bits() == 3; ++i) {
            REQUIRE(i < 5000);
            p.run(1ms);
        }
    }
    CHECK(p.a.bond.usable().bits() == 1);
    CHECK(p.a.snapshot().hold == 0);
    for (std::size_t b = 0; b < p.a.snapshot().buckets; ++b)
        if (p.a.snapshot().bucket[b] != 0) FAIL(b);
    CHECK(p.markers_to() == 0);
    CHECK(p.moved().empty());
}

TEST_CASE("no marker leaves before every worker holds the flows") {
    Moving p;
    p.workers_follow = false;
    p.lose_and_return(1);
    p.until_held();
    p.run(20ms);
    CHECK(p.markers_to() == 0);
    CHECK(p.a.snapshot().hold != 0);
    CHECK(p.a.bond.awaits_workers());
    SECTION("and when they do it is answered") {
        p.workers_follow = true;
        p.publish();
        p.exchange();
        CHECK(p.markers_to() == 1);
        CHECK(p.a.snapshot().hold == 0);
    }
    SECTION("and a worker that does not ever costs no more than the bound") {
        p.run(31ms);
        CHECK(p.a.snapshot().hold == 0);
        CHECK(p.markers_to() == 0);
    }
}

TEST_CASE("a partner that answers no markers costs the bound, and after three times nothing") {
    Moving p;
    p.answers = false;
    for (int time = 0; time < 3; ++time) {
        p.lose_and_return(1);
        p.until_held();
        p.run(FlowMove::kLimit - 2ms);
        CHECK(p.a.snapshot().hold != 0);
        p.run(3ms);
        CHECK(p.a.snapshot().hold == 0);
        CHECK(p.moved() == "512 buckets after 50.0 ms, not all has been acknowledged;");
        CHECK(p.a.heard_of(EventKind::warning) == (time == 2));
        p.settle_down();
    }
    p.lose_and_return(1);
    for (int i = 0; p.a.bond.usable().bits() != 3; ++i) {
        REQUIRE(i < 8000);
        p.run(1ms);
        REQUIRE(p.a.snapshot().hold == 0);
    }
    CHECK(p.markers_to() == 0);
    CHECK_FALSE(p.a.heard_of(EventKind::warning));
}

TEST_CASE("an answer in between makes a partner be waited for again") {
    Moving p;
    for (const bool answers : {false, false, true, false, false}) {
        p.answers = answers;
        p.lose_and_return(1);
        p.until_held();
        p.run(60ms);
        CHECK(p.a.snapshot().hold == 0);
        p.settle_down();
    }
    p.answers = true;
    p.lose_and_return(1);
    p.until_held();
}

TEST_CASE("the old link is lost while its answer is awaited: what was held leaves at once") {
    Moving p;
    p.answers = false;
    p.lose_and_return(1);
    p.until_held();
    p.run(5ms);
    REQUIRE(p.a.snapshot().hold != 0);
    p.link(0, false);
    CHECK(p.a.snapshot().hold == 0);
    CHECK(p.a.snapshot().senders.bits() == 2);
}

TEST_CASE("the link that returned is lost again while flows are held for it: they go back where they were") {
    Moving p;
    p.answers = false;
    p.lose_and_return(1);
    p.until_held();
    p.run(5ms);
    p.link(1, false);
    CHECK(p.a.snapshot().hold == 0);
    CHECK(p.a.snapshot().senders.bits() == 1);
    CHECK(p.a.snapshot().tx_burst == p.a.mode->data_half(fast()));
}

TEST_CASE("a third member begins to carry: any flow may move, so all are held and both old ones are asked") {
    Moving p;
    p.answer_after = 2ms;
    p.add(p.a, 2, 0xa);
    p.add(p.b, 2, 0xb);
    CHECK(p.held() == 0);
    p.until_held(); // now it carries
    CHECK(p.a.bond.usable().bits() == 7);
    CHECK(p.held() == 1023);
    CHECK(p.markers_to() == 3);
    p.run(3ms);
    CHECK(p.a.snapshot().hold == 0);
    CHECK(p.moved() == "1023 buckets after 2.0 ms;");
}

TEST_CASE("a member that hears no partner joins: no flow moves, and it never becomes the bond's link [A17]",
          "[A17]") {
    Moving p;
    const Snapshot before = p.a.snapshot();
    p.cut = 4;
    p.add(p.a, 2, 0xa);
    p.add(p.b, 2, 0xb);
    p.run(10s);
    CHECK(p.moved().empty());
    CHECK(p.a.snapshot().bucket == before.bucket);
    CHECK(p.a.snapshot().buckets == before.buckets);
    p.cut = 7; // and when the others lose their partner they had one at least
    for (int i = 0; i < 100; ++i) {
        p.run(100ms);
        if ((p.a.snapshot().senders.bits() & 4U) != 0)
            FAIL("the member that never heard a partner, after " << i);
    }
    CHECK(p.a.snapshot().senders.bits() != 0);
}

TEST_CASE("moves for which our own limit lets no marker out say nothing about the partner [D16]", "[D16]") {
    Moving p;
    const auto ask = [&] {
        SlowFrame frame;
        encode_marker(frame, Mac{{2, 0, 0, 0, 0xb, 0}},
                      {marker_type::information, {1}, Mac{{2, 0, 0, 0, 0xb, 0}}, 77});
        p.a.bond.handle_frame(MemberId{0}, frame, p.now);
    };
    SECTION("the partner's markers take none of the room of ours") {
        p.answer_after = 7ms;
        for (int time = 0; time < 4; ++time) {
            p.link(1, false);
            p.run(100ms);
            p.link(1, true);
            for (int i = 0; i < 10; ++i) ask();
            p.until_held();
            p.run(8ms);
            CHECK(p.a.snapshot().hold == 0);
            CHECK(p.moved() == "512 buckets after 7.0 ms;");
            p.settle_down();
        }
    }
    SECTION("a partner that was given up is asked again a minute later") {
        p.answers = false;
        for (int time = 0; time < 3; ++time) {
            p.lose_and_return(1);
            p.until_held();
            p.run(60ms);
            p.settle_down();
        }
        p.answers = true;
        p.run(61s);
        p.lose_and_return(1);
        p.until_held();
        CHECK(p.markers_to() == 1);
        p.settle_down();
        p.lose_and_return(1);
        p.until_held();
    }
}

TEST_CASE("another hash policy moves flows in order too") {
    Moving p;
    BondOptions options = fast();
    options.xmit_hash_policy = HashPolicy::layer34;
    p.a.bond.set_options(options, p.a.mode->data_half(options), p.now);
    CHECK(p.held() == 1024);
    p.publish();
    p.exchange();
    CHECK(p.markers_to() == 3);
    CHECK(p.a.snapshot().hold == 0);
    CHECK(p.a.snapshot().tx_burst == p.a.mode->data_half(options));
}

TEST_CASE("another aggregator takes over while the old one works: its links are asked") {
    BondOptions options = fast();
    options.ad_select = AdSelect::bandwidth;
    Moving p(options);
    p.answer_after = 3ms;
    p.add(p.a, 2, 0xa);
    p.add(p.b, 2, 0xb);
    for (Side* side : {&p.a, &p.b}) side->bond.handle_link(MemberId{2}, {true, 100000, Duplex::full}, p.now);
    p.exchange();
    p.run(100ms);
    p.a.events.clear();
    p.to_b.clear();
    for (int i = 0; p.a.snapshot().senders.bits() != 4; ++i) {
        REQUIRE(i < 10000);
        p.run(1ms);
    }
    CHECK((p.markers_to() & 3U) != 0);
    p.run(1s);
    CHECK(p.a.snapshot().hold == 0);
    CHECK(p.a.snapshot().senders.bits() == 4);
    CHECK(p.moved().find("after 3.0 ms") != std::string::npos);
}

TEST_CASE("another mode ends a move at once") {
    Moving p;
    p.answers = false;
    p.lose_and_return(1);
    p.until_held();
    const ModeDescriptor* xor_mode = find_mode(Mode::balance_xor);
    auto other = xor_mode->control_half();
    p.a.bond.set_mode({Mode::balance_xor, other.get(), xor_mode->data_half(fast())}, fast(), p.now);
    CHECK(p.a.snapshot().hold == 0);
    CHECK(p.a.snapshot().tx_burst == xor_mode->data_half(fast()));
}

TEST_CASE("modes without a partner that can be asked move flows at once") {
    const ModeDescriptor* mode = find_mode(Mode::balance_xor);
    const auto controller = mode->control_half();
    Bond bond("bond0", {mode->number, controller.get(), mode->data_half({})}, {}, std::nullopt, 1500);
    for (const char* name : {"m0", "m1"}) {
        MemberInfo info;
        info.name = name;
        REQUIRE(bond.add_member(info, kUp, Time{}).ok());
    }
    for (const LinkState link : {kDown, kUp}) {
        bond.handle_link(MemberId{1}, link, Time{1s});
        Snapshot s;
        bond.fill(s);
        CHECK(s.hold == 0);
        CHECK(s.tx_count == (link.carrier ? 2 : 1));
    }
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "fixture.hpp"
#include "lacp/engine.hpp"
#include "proto/marker.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

const Mac kPortMac{{0x02, 0xee, 0, 0, 0, 1}};
const Mac kFarMac{{0x02, 0xee, 0, 0, 0, 2}};

// One bond, one port, link up.
struct Single {
    Engine engine{1};
    BondId bond = *engine.add_bond({}, kOurSystem);
    PortRef ref{bond, {0}};
    Single() {
        engine.add_port(ref, kPortMac, kDefaultPortPriority, at(0s));
        engine.handle_link(ref, true, 1000, true, at(0s));
    }
    const Port& port() const { return *engine.system(bond)->port(ref.member); }
    std::vector<TxFrame> frames() {
        std::vector<TxFrame> all;
        while (const auto frame = engine.poll_transmit()) all.push_back(*frame);
        return all;
    }
    std::vector<Event> events(EventKind kind) {
        std::vector<Event> all;
        while (const auto event = engine.poll_event())
            if (event->kind == kind) all.push_back(*event);
        return all;
    }
    FrameVerdict lacpdu(Time now, std::uint8_t version = 1) {
        SlowFrame frame;
        Lacpdu pdu = make_pdu(port());
        pdu.version = version;
        encode_lacpdu(frame, kFarMac, pdu);
        return engine.handle_frame(ref, frame, now);
    }
    FrameVerdict marker(std::uint8_t type, Mac system, Time now, std::uint32_t transaction = 1) {
        SlowFrame frame;
        encode_marker(frame, kFarMac, {type, {1}, system, transaction});
        return engine.handle_frame(ref, frame, now);
    }
};

} // namespace

TEST_CASE("a port speaks as soon as its link is up, from its own MAC and for the bond's system") {
    Single s;
    const auto frames = s.frames();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].port == s.ref);
    CHECK(Mac::from_bytes(frames[0].bytes.data() + 6) == kPortMac);
    const auto pdu = decode_lacpdu(frames[0].bytes);
    REQUIRE(pdu.has_value());
    CHECK(pdu->actor.system == kOurSystem);
    CHECK(pdu->actor.key.value == 9);
    CHECK(pdu->actor.port.value == 1);
    CHECK(pdu->actor.port_priority == kDefaultPortPriority);
}

TEST_CASE("subtypes of 0x8809 other than LACP and marker are not the engine's, and are counted") {
    Single s;
    SlowFrame frame;
    encode_lacpdu(frame, kFarMac, {});
    for (const std::uint8_t subtype : {0, 3, 10, 255}) {
        frame[14] = subtype;
        CHECK(s.engine.handle_frame(s.ref, frame, at(1s)) == FrameVerdict::not_mine);
    }
    CHECK(s.port().counters.unknown_rx == 4);
    frame[12] = 0x08;
    frame[13] = 0x00;
    CHECK(s.engine.handle_frame(s.ref, frame, at(1s)) == FrameVerdict::not_mine);
    CHECK(s.engine.handle_frame(s.ref, Bytes(frame).first(10), at(1s)) == FrameVerdict::not_mine);
    CHECK(s.engine.handle_frame({s.bond, {5}}, frame, at(1s)) == FrameVerdict::not_mine);
    CHECK(s.engine.handle_frame({{7}, {0}}, frame, at(1s)) == FrameVerdict::not_mine);
    CHECK(s.port().counters.unknown_rx == 4);
}

TEST_CASE("an LACPDU of any version is taken and one that is not 1 is counted") {
    Single s;
    CHECK(s.lacpdu(at(1s)) == FrameVerdict::consumed);
    CHECK(s.lacpdu(at(1s), 2) == FrameVerdict::consumed);
    CHECK(s.lacpdu(at(1s), 0) == FrameVerdict::consumed);
    CHECK(s.port().rx == RxState::CURRENT);
    CHECK(s.port().counters.lacpdu_rx == 3);
    CHECK(s.port().counters.other_version_rx == 2);
}

TEST_CASE("what is wrong with a frame decides where it is counted, and none of it reaches a machine") {
    Single s;
    SlowFrame good;
    encode_lacpdu(good, kFarMac, make_pdu(s.port()));
    SlowFrame length = good, destination = good, zero = good, own = good;
    length[37] = 0;
    destination[0] = 0x02;
    std::fill(zero.begin() + 20, zero.begin() + 26, std::uint8_t{0});
    std::copy(kOurSystem.bytes.begin(), kOurSystem.bytes.end(), own.begin() + 20);
    for (const SlowFrame* frame : {&length, &destination, &zero, &own})
        CHECK(s.engine.handle_frame(s.ref, *frame, at(1s)) == FrameVerdict::consumed);
    CHECK(s.engine.handle_frame(s.ref, Bytes(good).first(123), at(1s)) == FrameVerdict::consumed);
    CHECK(s.engine.handle_frame(s.ref, Bytes(good).first(15), at(1s)) == FrameVerdict::consumed);
    CHECK(s.port().counters.bad_rx == 5);
    CHECK(s.port().counters.loopback_rx == 1);
    CHECK(s.port().counters.lacpdu_rx == 0);
    CHECK(s.port().rx == RxState::EXPIRED);
}

TEST_CASE("an LACPDU on a port that is down changes nothing, not even later") {
    Single s;
    s.engine.handle_link(s.ref, false, 0, true, at(1s));
    s.lacpdu(at(1s));
    CHECK(s.port().rx == RxState::PORT_DISABLED);
    s.engine.handle_link(s.ref, true, 1000, true, at(2s));
    CHECK(s.port().rx == RxState::EXPIRED);
}

TEST_CASE("markers are answered by their copy, ten a second at most, and not on a port that is down") {
    Single s;
    s.frames();
    for (std::uint32_t i = 0; i < 25; ++i) s.marker(marker_type::information, kTheirSystem, at(1s), i);
    const auto frames = s.frames();
    REQUIRE(frames.size() == 10);
    for (std::uint32_t i = 0; i < 10; ++i) {
        const auto response = decode_marker(frames[i].bytes);
        REQUIRE(response.has_value());
        CHECK(response->type == marker_type::response);
        CHECK(response->transaction == i);
        CHECK(response->requester_system == kTheirSystem);
        CHECK(Mac::from_bytes(frames[i].bytes.data() + 6) == kPortMac);
    }
    CHECK(s.port().counters.marker_rx == 25);
    CHECK(s.port().counters.marker_response_tx == 10);
    CHECK(s.port().counters.marker_limited == 15);
    s.marker(marker_type::information, kTheirSystem, at(2s));
    CHECK(s.frames().size() == 1);
    s.engine.handle_link(s.ref, false, 0, true, at(9s));
    s.frames();
    s.marker(marker_type::information, kTheirSystem, at(9s));
    CHECK(s.frames().empty());
}

TEST_CASE("markers of our own system, of unknown type or of a wrong length are counted and not answered") {
    Single s;
    s.frames();
    s.marker(marker_type::information, kOurSystem, at(1s));
    s.marker(7, kTheirSystem, at(1s));
    s.marker(marker_type::response, kTheirSystem, at(1s)); // asked by somebody else
    SlowFrame bad;
    encode_marker(bad, kFarMac, {});
    bad[17] = 0;
    s.engine.handle_frame(s.ref, bad, at(1s));
    CHECK(s.frames().empty());
    CHECK(s.port().counters.loopback_rx == 1);
    CHECK(s.port().counters.unknown_rx == 1);
    CHECK(s.port().counters.marker_response_rx == 1);
    CHECK(s.port().counters.bad_rx == 1);
}

TEST_CASE("a marker run over ports that carry nothing is answered at once") {
    Single s;
    const auto run = s.engine.start_marker(s.bond, MemberSet::of_bits(0b11), at(2s), at(1s));
    REQUIRE(run.has_value());
    const auto result = s.engine.poll_marker();
    REQUIRE(result.has_value());
    CHECK(result->run == *run);
    CHECK(result->gone.bits() == 0b11);
    CHECK_FALSE(s.engine.poll_marker().has_value());
    CHECK_FALSE(s.engine.start_marker({9}, MemberSet{{0}}, at(2s), at(1s)).has_value());
}

TEST_CASE("a marker leaves on a port that no longer distributes as long as its partner is heard") {
    Single s;
    s.lacpdu(at(1s)); // says nothing of us yet: in CURRENT and far from distributing
    s.frames();
    REQUIRE(s.port().rx == RxState::CURRENT);
    REQUIRE_FALSE(s.port().distributing);
    REQUIRE(s.engine.start_marker(s.bond, MemberSet{{0}}, at(2s), at(1s)).has_value());
    CHECK(s.port().counters.marker_tx == 1);
    const auto frames = s.frames();
    REQUIRE(frames.size() == 1);
    CHECK(decode_marker(frames[0].bytes)->type == marker_type::information);
    CHECK_FALSE(s.engine.poll_marker().has_value());
    s.engine.handle_timeout(at(92s)); // EXPIRED by now, and the run timed out
    const auto result = s.engine.poll_marker();
    REQUIRE(result.has_value());
    CHECK(result->timed_out().bits() == 1);
    REQUIRE(s.engine.start_marker(s.bond, MemberSet{{0}}, at(93s), at(92s)).has_value());
    CHECK(s.engine.poll_marker()->gone.bits() == 1); // not heard any more
}

TEST_CASE("a removed port says goodbye and is forgotten; one that never spoke leaves without a word") {
    Single s;
    s.lacpdu(at(1s));
    s.frames();
    s.engine.remove_port(s.ref, at(5s));
    auto frames = s.frames();
    REQUIRE(frames.size() == 1);
    CHECK((decode_lacpdu(frames[0].bytes)->actor.state.value & 0x3c) == 0);
    CHECK(s.engine.system(s.bond)->port({0}) == nullptr);
    CHECK(s.engine.next_deadline() == kNever);
    CHECK(s.events(EventKind::left).size() == 1);

    s.engine.add_port(s.ref, kPortMac, kDefaultPortPriority, at(6s));
    s.engine.remove_port(s.ref, at(7s)); // its link was never up
    LacpOptions passive;
    passive.active = false;
    s.engine.set_options(s.bond, passive, at(8s));
    s.engine.add_port(s.ref, kPortMac, kDefaultPortPriority, at(8s));
    s.engine.handle_link(s.ref, true, 1000, true, at(8s));
    s.engine.remove_port(s.ref, at(9s));
    CHECK(s.frames().empty());
}

TEST_CASE("removing a bond says goodbye on every port and frees its place") {
    Single s;
    s.engine.add_port({s.bond, {31}}, kFarMac, kDefaultPortPriority, at(0s));
    s.engine.handle_link({s.bond, {31}}, true, 1000, true, at(0s));
    s.frames();
    CHECK_FALSE(s.engine.add_bond({}, kTheirSystem).has_value());
    s.engine.remove_bond(s.bond, at(1s));
    const auto frames = s.frames();
    REQUIRE(frames.size() >= 2);
    for (const std::uint8_t member : {0, 31})
        CHECK(std::any_of(frames.begin(), frames.end(), [&](const TxFrame& frame) {
            return frame.port.member == MemberId{member} &&
                   (decode_lacpdu(frame.bytes)->actor.state.value & 0x3c) == 0;
        }));
    CHECK(s.engine.add_bond({}, kTheirSystem).has_value());
}

TEST_CASE("what does not exist is refused") {
    Single s;
    CHECK_FALSE(s.engine.add_port(s.ref, kPortMac, kDefaultPortPriority, at(0s)));
    CHECK_FALSE(s.engine.add_port({s.bond, {32}}, kPortMac, kDefaultPortPriority, at(0s)));
    CHECK_FALSE(s.engine.add_port({{4}, {0}}, kPortMac, kDefaultPortPriority, at(0s)));
    BondStatus status;
    CHECK_FALSE(s.engine.status({4}, status));
    CHECK(s.engine.forwarding({4}) == Forwarding{});
    s.engine.remove_port({s.bond, {9}}, at(0s));
    s.engine.handle_link({s.bond, {200}}, true, 10, true, at(0s));
    s.engine.set_port_priority({s.bond, {9}}, {1}, at(0s));
}

TEST_CASE("spurious and late timeouts are harmless") {
    Single s;
    s.frames();
    const Time deadline = s.engine.next_deadline();
    s.engine.handle_timeout(deadline - 1ns);
    CHECK(s.frames().empty());
    CHECK(s.engine.next_deadline() == deadline);
    s.engine.handle_timeout(deadline);
    s.engine.handle_timeout(deadline);
    CHECK(s.frames().size() == 1);
    s.engine.handle_timeout(at(100000s));
    CHECK(s.frames().size() <= 1);
    CHECK(s.engine.next_deadline() > at(100000s));
}

TEST_CASE(
    "an outbox that nobody empties loses markers and old events, and delays LACPDUs instead of losing them") {
    Single s;
    Time now = at(0s);
    for (int i = 0; i < 2000; ++i) {
        now += 100ms;
        s.engine.handle_link(s.ref, i % 2 == 0, 1000, true, now);
        s.marker(marker_type::information, kTheirSystem, now);
    }
    s.engine.handle_link(s.ref, true, 1000, true, now);
    CHECK(s.engine.events_lost() > 0);
    CHECK(s.engine.frames_lost() > 0);
    CHECK(s.port().ntt);
    CHECK(s.engine.next_deadline() > now); // no busy loop
    const auto queued = s.frames();
    CHECK(queued.size() == 128);
    now = s.engine.next_deadline();
    s.engine.handle_timeout(now);
    CHECK(s.frames().size() == 1);
}

TEST_CASE("a port priority of another value is told to the partner without a new negotiation") {
    Single s;
    s.lacpdu(at(1s));
    s.engine.handle_timeout(at(3s));
    s.engine.handle_timeout(at(10s));
    s.frames();
    const MuxState mux = s.port().mux;
    s.engine.set_port_priority(s.ref, {7}, at(11s));
    const auto frames = s.frames();
    REQUIRE(frames.size() == 1);
    CHECK(decode_lacpdu(frames[0].bytes)->actor.port_priority.value == 7);
    CHECK(s.port().mux == mux);
    s.engine.set_port_priority(s.ref, {7}, at(12s));
    CHECK(s.frames().empty());
}

TEST_CASE("the status says what telemetry and the status text need") {
    Single s;
    s.lacpdu(at(1s));
    s.engine.handle_timeout(at(4s));
    s.lacpdu(at(5s));
    BondStatus status;
    REQUIRE(s.engine.status(s.bond, status));
    CHECK(status.active_aggregator.value == 1);
    CHECK(status.active_ports == 1);
    CHECK(status.usable_ports == 1);
    CHECK(status.actor_system == kOurSystem);
    CHECK(status.actor_key.value == 9);
    CHECK(status.partner_system == kTheirSystem);
    CHECK(status.partner_key.value == 9);
    REQUIRE(status.ports.size() == 1);
    const PortStatus& port = status.ports[0];
    CHECK(port.aggregator.value == 1);
    CHECK(name(port.selected) == "SELECTED");
    CHECK(name(port.rx) == "CURRENT");
    CHECK(name(port.mux) == "COLLECTING_DISTRIBUTING");
    CHECK(name(port.periodic) == "SLOW_PERIODIC");
    CHECK(name(port.actor_churn) == "none");
    CHECK(port.actor.state.value == 0x3d);
    CHECK(port.partner.port.value == 7);
    CHECK(port.counters.lacpdu_rx == 2);
    CHECK(port.counters.lacpdu_tx >= 2);
    CHECK(port.collecting);
    CHECK(port.distributing);
}

TEST_CASE("every state and event has a name of its own") {
    for (std::size_t i = 0; i < kEventKindCount; ++i) {
        CHECK(name(static_cast<EventKind>(i)) != "?");
        CHECK_FALSE(name(static_cast<EventKind>(i)).empty());
    }
    CHECK(name(static_cast<EventKind>(kEventKindCount)) == "?");
    CHECK(name(EventKind::unsettled) == "unsettled");
    CHECK(name(MuxState::DISTRIBUTING) == "DISTRIBUTING");
    CHECK(name(RxState::CURRENT) == "CURRENT");
    CHECK(name(PeriodicState::PERIODIC_TX) == "PERIODIC_TX");
    CHECK(name(ChurnState::CHURN) == "churned");
    CHECK(name(Selected::STANDBY) == "STANDBY");
}

TEST_CASE("malformed LACPDUs do not hide that frames of our own system come back [D29]", "[D29]") {
    Single s;
    s.frames();
    SlowFrame bad;
    Lacpdu pdu = make_pdu(s.port());
    pdu.actor.system = Mac{};
    encode_lacpdu(bad, kFarMac, pdu);
    s.engine.handle_frame(s.ref, bad, at(1s));
    s.marker(marker_type::information, kOurSystem, at(1s));
    unsigned malformed = 0, loops = 0;
    while (const auto event = s.engine.poll_event()) {
        malformed += event->kind == EventKind::bad_pdu;
        loops += event->kind == EventKind::loopback;
    }
    CHECK(malformed == 1);
    CHECK(loops == 1);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <vector>

#include "fixture.hpp"
#include "lacp/selection.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

// A port in CURRENT whose partner is system `partner` with key `key`.
Port heard(std::uint8_t member, std::uint8_t partner, std::uint16_t key = 9, std::uint32_t speed = 1000) {
    Port port = make_current(member);
    port.partner.system.bytes[5] = partner;
    port.partner.key = {key};
    port.partner.port = {static_cast<std::uint16_t>(member + 1)};
    port.speed_mbps = speed;
    port.selected = Selected::UNSELECTED;
    port.mux = MuxState::DETACHED;
    return port;
}
Port defaulted(std::uint8_t member, std::uint32_t speed = 1000) {
    Port port = make_port(member);
    RxMachine::enter(port, RxState::DEFAULTED, at(0s));
    port.speed_mbps = speed;
    return port;
}
struct Bench {
    std::vector<Port> ports;
    Selection selection;
    Select policy = Select::stable;
    explicit Bench(std::vector<Port> list, Select with = Select::stable)
        : ports(std::move(list)), policy(with) {
        run();
    }
    void run() {
        for (Port& port : ports) selection.select(port);
        selection.choose(ports, policy);
    }
    AggregatorId of(std::size_t i) const { return ports[i].aggregator; }
    bool active(std::size_t i) const { return ports[i].selected == Selected::SELECTED; }
    void distributing(std::size_t i) { ports[i].actor.state.set(StateBit::distributing); }
};

} // namespace

TEST_CASE("ports share an aggregator only when the whole LAG ID agrees") {
    const auto share = [](auto change) {
        Port other = heard(1, 2);
        change(other);
        const Bench bench({heard(0, 2), other});
        return bench.of(0) == bench.of(1);
    };
    CHECK(share([](Port&) {}));
    CHECK_FALSE(share([](Port& p) { ++p.actor.key.value; }));
    CHECK_FALSE(share([](Port& p) { --p.actor.system_priority.value; }));
    CHECK_FALSE(share([](Port& p) { ++p.actor.system.bytes[0]; }));
    CHECK_FALSE(share([](Port& p) { ++p.partner.key.value; }));
    CHECK_FALSE(share([](Port& p) { ++p.partner.system_priority.value; }));
    CHECK_FALSE(share([](Port& p) { ++p.partner.system.bytes[5]; }));
    CHECK_FALSE(share([](Port& p) { p.actor.state.clear(StateBit::aggregation); }));
    CHECK_FALSE(share([](Port& p) { p.partner.state.clear(StateBit::aggregation); }));
}

TEST_CASE("ports that are individual at either end, or have no partner, stay alone even among their like") {
    Port a = heard(0, 2), b = heard(1, 2);
    a.partner.state.clear(StateBit::aggregation);
    b.partner.state.clear(StateBit::aggregation);
    const Bench individual({a, b});
    CHECK(individual.of(0) != individual.of(1));
    const Bench alone({defaulted(0), defaulted(1)});
    CHECK(alone.of(0) != alone.of(1));
}

TEST_CASE("an unselected port leaves at once and selects only when its mux is DETACHED") {
    Bench bench({heard(0, 2), heard(1, 2)});
    Port& port = bench.ports[1];
    port.mux = MuxState::COLLECTING_DISTRIBUTING;
    port.selected = Selected::UNSELECTED;
    CHECK(bench.selection.select(port));
    CHECK_FALSE(port.attached);
    CHECK(bench.selection.at(bench.of(0)).ports.bits() == 0b01);
    CHECK_FALSE(bench.selection.select(port));
    port.mux = MuxState::DETACHED;
    CHECK(bench.selection.select(port));
    CHECK(port.attached);
    CHECK(bench.of(0) == bench.of(1));
}

TEST_CASE("a lone port that selects anew keeps its aggregator") {
    Bench bench({heard(0, 2), heard(1, 3), heard(2, 4)});
    const AggregatorId before = bench.of(1);
    bench.ports[0].selected = Selected::UNSELECTED;
    bench.ports[1].selected = Selected::UNSELECTED;
    bench.selection.leave(bench.ports[0]);
    bench.selection.leave(bench.ports[1]);
    bench.ports[1].partner.key = {77};
    bench.selection.select(bench.ports[1]);
    CHECK(bench.of(1) == before);
}

TEST_CASE("one aggregator is active, its ports are SELECTED and the others STANDBY") {
    const Bench bench({heard(0, 2), heard(1, 3), heard(2, 3)});
    CHECK_FALSE(bench.active(0));
    CHECK(bench.active(1));
    CHECK(bench.active(2));
    CHECK(bench.ports[0].selected == Selected::STANDBY);
    CHECK(bench.selection.active() == bench.of(1));
}

TEST_CASE("an aggregator with a partner is preferred to a faster one without") {
    const Bench bench({defaulted(0, 100000), heard(1, 2, 9, 1000)});
    CHECK(bench.active(1));
}

TEST_CASE("an aggregator of our half duplex port comes last") {
    Port half = defaulted(0, 100000);
    half.actor.state.clear(StateBit::aggregation);
    const Bench bench({half, defaulted(1, 10)});
    CHECK(bench.active(1));
}

TEST_CASE("bandwidth, count and actor_port_prio each count what they say") {
    std::vector<Port> ports{heard(0, 2, 9, 10000), heard(1, 3, 9, 1000), heard(2, 3, 9, 1000),
                            heard(3, 4, 9, 1000)};
    ports[3].actor.port_priority = {60000};
    CHECK(Bench(ports, Select::bandwidth).active(0));
    CHECK(Bench(ports, Select::stable).active(0));
    CHECK(Bench(ports, Select::count).active(1));
    CHECK(Bench(ports, Select::actor_port_prio).active(3));
}

TEST_CASE("count breaks ties by bandwidth, actor_port_prio by count") {
    CHECK(Bench({heard(0, 2, 9, 1000), heard(1, 3, 9, 2500)}, Select::count).active(1));
    std::vector<Port> ports{heard(0, 2, 9, 10000), heard(1, 3), heard(2, 3)};
    ports[0].actor.port_priority = {510}; // 255 + 255
    CHECK(Bench(ports, Select::actor_port_prio).active(1));
    ports[1].port_enabled = false;
    CHECK(Bench(ports, Select::actor_port_prio).active(0));
}

TEST_CASE("stable keeps an aggregator that carries traffic, the other policies move to a better one") {
    for (const Select policy : {Select::stable, Select::bandwidth, Select::count, Select::actor_port_prio}) {
        Bench bench({heard(0, 2)}, policy);
        bench.ports.reserve(4);
        bench.distributing(0);
        bench.ports.push_back(heard(1, 3));
        bench.ports.push_back(heard(2, 3));
        bench.run();
        CHECK(bench.active(0) == (policy == Select::stable));
        CHECK(bench.active(1) == (policy != Select::stable));
    }
}

TEST_CASE("stable moves before anything is carried, on loss of the last port, and from no partner to one") {
    Bench fresh({heard(0, 2)});
    fresh.ports.push_back(heard(1, 3, 9, 10000));
    fresh.run();
    CHECK(fresh.active(1));

    Bench lost({heard(0, 2), heard(1, 3)});
    const std::size_t first = lost.active(0) ? 0 : 1;
    lost.distributing(first);
    lost.ports[first].port_enabled = false;
    lost.run();
    CHECK(lost.active(1 - first));

    Bench alone({defaulted(0)});
    alone.ports.push_back(heard(1, 3));
    alone.run();
    CHECK(alone.active(1));
}

TEST_CASE("among equals the one that carries stays whatever the policy") {
    for (const Select policy : {Select::stable, Select::bandwidth, Select::count, Select::actor_port_prio}) {
        Bench bench({heard(0, 9)}, policy);
        bench.distributing(0);
        bench.ports.push_back(heard(1, 3)); // ranks before 9
        bench.run();
        CHECK(bench.active(0));
    }
}

TEST_CASE("both ends rank equals alike") {
    // Two LAGs between the same systems, told apart by key; each end met another one first.
    const auto mirrored = [](const Port& port) {
        Port other = port;
        std::swap(other.actor.system, other.partner.system);
        std::swap(other.actor.system_priority, other.partner.system_priority);
        std::swap(other.actor.key, other.partner.key);
        std::swap(other.actor.port, other.partner.port);
        return other;
    };
    std::vector<Port> ours{heard(0, 2), heard(1, 2)};
    ours[0].actor.key = {5};
    ours[0].partner.key = {80};
    ours[1].actor.key = {6};
    ours[1].partner.key = {70};
    const std::vector<Port> theirs{mirrored(ours[0]), mirrored(ours[1])};
    CHECK(Bench(ours).active(0) == Bench(theirs).active(0));
    const Bench reversed({heard(0, 3), heard(1, 2)});
    CHECK(reversed.active(1)); // the lower pair of systems
}

TEST_CASE("ports that are down, expired or heard only one way make no aggregator a candidate") {
    const auto chosen = [](auto change) {
        Port bad = heard(0, 2, 9, 100000);
        change(bad);
        const Bench bench({bad, heard(1, 3)});
        return bench.active(0);
    };
    CHECK(chosen([](Port&) {}));
    CHECK_FALSE(chosen([](Port& p) { p.port_enabled = false; }));
    CHECK_FALSE(chosen([](Port& p) { p.rx = RxState::EXPIRED; }));
    CHECK_FALSE(chosen([](Port& p) { p.partner_hears_us = false; }));
}

TEST_CASE("without a candidate the active aggregator stays, and none is chosen where there was none") {
    Bench bench({heard(0, 2)});
    bench.ports[0].rx = RxState::EXPIRED;
    bench.run();
    CHECK(bench.active(0));
    Port silent = make_port(0);
    RxMachine::enter(silent, RxState::EXPIRED, at(0s));
    const Bench none({silent});
    CHECK(none.selection.active() == kNoAggregator);
    CHECK(none.ports[0].selected == Selected::STANDBY);
}

TEST_CASE("ports of an aggregator become ready together, 2 s after the last of them began to wait") {
    Bench bench({heard(0, 2), heard(1, 2), heard(2, 7)});
    MuxMachine::enter(bench.ports[0], MuxState::WAITING, at(0s));
    MuxMachine::enter(bench.ports[1], MuxState::WAITING, at(1s));
    MuxMachine::enter(bench.ports[2], MuxState::WAITING, at(0s));
    bench.selection.update_ready(bench.ports, at(2s));
    CHECK_FALSE(bench.ports[0].ready);
    CHECK(bench.ports[0].wait_while == kNever); // ran out, and is no deadline any more
    CHECK_FALSE(bench.ports[1].ready);
    CHECK(bench.ports[2].ready); // another aggregator waits for nobody
    bench.selection.update_ready(bench.ports, at(3s));
    CHECK(bench.ports[0].ready);
    CHECK(bench.ports[1].ready);
}

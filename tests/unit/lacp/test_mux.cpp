// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace dpdkbond;
using namespace dpdkbond::lacp;

namespace {

std::optional<MuxState> mux_next(const Port& port) { return MuxMachine::next(port, at(0s)); }
Port in_state(MuxState state, Selected selected, bool partner_sync = false, bool partner_collects = false) {
    Port port = make_current();
    port.coupled_control = state != MuxState::COLLECTING && state != MuxState::DISTRIBUTING;
    port.selected = selected;
    port.partner.state.set(StateBit::synchronization, partner_sync);
    port.partner.state.set(StateBit::collecting, partner_collects);
    MuxMachine::enter(port, state, at(0s));
    return port;
}
// Sync, Collecting, Distributing of the actor.
std::uint8_t scd(const Port& port) { return port.actor.state.value & 0x38U; }
constexpr Selected kSelections[] = {Selected::UNSELECTED, Selected::SELECTED, Selected::STANDBY};

} // namespace

TEST_CASE("DETACHED clears sync, collecting, distributing and waits to be selected") {
    Port port = in_state(MuxState::DETACHED, Selected::UNSELECTED);
    CHECK(scd(port) == 0);
    CHECK(port.ntt);
    CHECK(mux_next(port) == std::nullopt);
    port.selected = Selected::SELECTED;
    CHECK(mux_next(port) == MuxState::WAITING);
    port.selected = Selected::STANDBY;
    CHECK(mux_next(port) == MuxState::WAITING);
}

TEST_CASE("WAITING starts 2 s and goes on when selected and ready") {
    Port port = in_state(MuxState::WAITING, Selected::SELECTED, true);
    CHECK(port.wait_while == at(2s));
    CHECK_FALSE(port.ntt);
    CHECK(scd(port) == 0);
    CHECK(mux_next(port) == std::nullopt);
    port.ready = true;
    CHECK(mux_next(port) == MuxState::ATTACHED);
    port.selected = Selected::STANDBY;
    CHECK(mux_next(port) == std::nullopt);
    port.selected = Selected::UNSELECTED;
    CHECK(mux_next(port) == MuxState::DETACHED);
}

TEST_CASE("ATTACHED is in sync and carries nothing") {
    Port port = in_state(MuxState::ATTACHED, Selected::SELECTED);
    CHECK(scd(port) == 0x08);
    CHECK(port.ntt);
    CHECK(mux_next(port) == std::nullopt);
    port.partner.state.set(StateBit::synchronization);
    CHECK(mux_next(port) == MuxState::COLLECTING_DISTRIBUTING);
    port.coupled_control = false;
    CHECK(mux_next(port) == MuxState::COLLECTING);
    for (const Selected other : {Selected::UNSELECTED, Selected::STANDBY}) {
        port.selected = other;
        CHECK(mux_next(port) == MuxState::DETACHED);
    }
}

TEST_CASE("COLLECTING_DISTRIBUTING carries both ways until unselected, put on standby or out of sync") {
    for (const Selected selected : kSelections) {
        for (const bool sync : {false, true}) {
            const Port port = in_state(MuxState::COLLECTING_DISTRIBUTING, selected, sync);
            CHECK(scd(port) == (0x30 | (port.actor.state.value & 0x08)));
            CHECK(port.ntt);
            const bool stays = selected == Selected::SELECTED && sync;
            CHECK(mux_next(port) == (stays ? std::nullopt : std::optional(MuxState::ATTACHED)));
        }
    }
}

TEST_CASE("COLLECTING distributes only once the partner collects") {
    Port port = in_state(MuxState::COLLECTING, Selected::SELECTED, true, false);
    CHECK(scd(port) == 0x10);
    CHECK(port.ntt);
    CHECK(mux_next(port) == std::nullopt);
    port.partner.state.set(StateBit::collecting);
    CHECK(mux_next(port) == MuxState::DISTRIBUTING);
    port.partner.state.clear(StateBit::synchronization);
    CHECK(mux_next(port) == MuxState::ATTACHED);
    for (const Selected other : {Selected::UNSELECTED, Selected::STANDBY})
        CHECK(mux_next(in_state(MuxState::COLLECTING, other, true, true)) == MuxState::ATTACHED);
}

TEST_CASE("DISTRIBUTING falls back to COLLECTING when any of its conditions goes") {
    const Port port = in_state(MuxState::DISTRIBUTING, Selected::SELECTED, true, true);
    CHECK(scd(port) == 0x30);
    CHECK(port.ntt);
    CHECK(mux_next(port) == std::nullopt);
    CHECK(mux_next(in_state(MuxState::DISTRIBUTING, Selected::SELECTED, true, false)) ==
          MuxState::COLLECTING);
    CHECK(mux_next(in_state(MuxState::DISTRIBUTING, Selected::SELECTED, false, true)) ==
          MuxState::COLLECTING);
    CHECK(mux_next(in_state(MuxState::DISTRIBUTING, Selected::STANDBY, true, true)) == MuxState::COLLECTING);
    CHECK(mux_next(in_state(MuxState::DISTRIBUTING, Selected::UNSELECTED, true, true)) ==
          MuxState::COLLECTING);
}

TEST_CASE("leaving a carrying state clears collecting and distributing on the way down") {
    Port port = in_state(MuxState::COLLECTING_DISTRIBUTING, Selected::SELECTED, true);
    MuxMachine::enter(port, MuxState::ATTACHED, at(0s));
    CHECK((port.actor.state.value & 0x30) == 0);
    MuxMachine::enter(port, MuxState::DETACHED, at(0s));
    CHECK(scd(port) == 0);
}

TEST_CASE("under independent control collecting outlives distributing and ends with ATTACHED") {
    Port port = in_state(MuxState::DISTRIBUTING, Selected::SELECTED, true, true);
    port.ntt = false;
    MuxMachine::enter(port, MuxState::COLLECTING, at(0s));
    CHECK((port.actor.state.value & 0x30) == 0x10);
    CHECK(port.ntt);
    port.ntt = false;
    MuxMachine::enter(port, MuxState::ATTACHED, at(0s));
    CHECK(scd(port) == 0x08);
    CHECK(port.ntt);
}

TEST_CASE("wait_while and ready are WAITING's alone") {
    for (const MuxState state : {MuxState::DETACHED, MuxState::ATTACHED}) {
        Port port = in_state(MuxState::WAITING, Selected::SELECTED);
        port.ready_n = port.ready = true;
        MuxMachine::enter(port, state, at(1s));
        CHECK(port.wait_while == kNever);
        CHECK_FALSE(port.ready_n);
        CHECK_FALSE(port.ready);
    }
}

TEST_CASE("ATTACHED, COLLECTING and DISTRIBUTING ask for the partner's sync even when it collects") {
    CHECK(mux_next(in_state(MuxState::ATTACHED, Selected::SELECTED, false, true)) == std::nullopt);
    CHECK(mux_next(in_state(MuxState::COLLECTING, Selected::SELECTED, false, true)) == MuxState::ATTACHED);
    CHECK(mux_next(in_state(MuxState::DISTRIBUTING, Selected::SELECTED, false, false)) ==
          MuxState::COLLECTING);
    CHECK(mux_next(in_state(MuxState::WAITING, Selected::STANDBY, true, true)) == std::nullopt);
    CHECK(mux_next(in_state(MuxState::DETACHED, Selected::UNSELECTED, true, true)) == std::nullopt);
}

TEST_CASE("a change of control keeps a distributing port distributing") {
    Port port = in_state(MuxState::COLLECTING_DISTRIBUTING, Selected::SELECTED, true, true);
    set_coupled_control(port, false);
    CHECK(port.mux == MuxState::DISTRIBUTING);
    CHECK((port.actor.state.value & 0x30) == 0x30);
    CHECK(mux_next(port) == std::nullopt);
    set_coupled_control(port, true);
    CHECK(port.mux == MuxState::COLLECTING_DISTRIBUTING);
    CHECK(mux_next(port) == std::nullopt);
    Port collecting = in_state(MuxState::COLLECTING, Selected::SELECTED, true, false);
    set_coupled_control(collecting, true);
    CHECK(collecting.mux == MuxState::COLLECTING_DISTRIBUTING);
    CHECK((collecting.actor.state.value & 0x30) == 0x30);
    Port attached = in_state(MuxState::ATTACHED, Selected::SELECTED);
    set_coupled_control(attached, false);
    CHECK(attached.mux == MuxState::ATTACHED);
}

// SPDX-License-Identifier: BSD-3-Clause
// Ports in a known state, for looking at one machine at a time.
#pragma once

#include "lacp/machines.hpp"

namespace dpdkbond::lacp {

inline constexpr Time at(Duration since_start) { return Time{} + 1000s + since_start; }
inline constexpr Mac kOurSystem{{0x02, 0xbd, 0, 0, 0, 1}};
inline constexpr Mac kTheirSystem{{0x02, 0xcc, 0, 0, 0, 2}};

inline StateBits bits(std::initializer_list<StateBit> list) {
    StateBits state;
    for (const StateBit bit : list) state.set(bit);
    return state;
}

// Link up, active, long timeout, as INITIALIZE leaves it.
inline Port make_port(std::uint8_t member = 0) {
    Port port;
    port.in_use = true;
    port.member = {member};
    port.port_enabled = true;
    port.speed_mbps = 1000;
    port.actor = {{65535},
                  kOurSystem,
                  {9},
                  {255},
                  {static_cast<std::uint16_t>(member + 1)},
                  bits({StateBit::activity, StateBit::aggregation})};
    begin(port, at(0s));
    return port;
}

// What a partner that has heard us would send.
inline Lacpdu make_pdu(const Port& port) {
    Lacpdu pdu;
    pdu.actor = {{100}, kTheirSystem,
                 {9},   {10},
                 {7},   bits({StateBit::activity, StateBit::aggregation, StateBit::synchronization})};
    pdu.partner = port.actor;
    return pdu;
}

// A port in CURRENT with that partner.
inline Port make_current(std::uint8_t member = 0) {
    Port port = make_port(member);
    port.pdu = make_pdu(port);
    RxMachine::enter(port, RxState::CURRENT, at(0s));
    port.selected = Selected::SELECTED;
    port.ntt = false;
    return port;
}

} // namespace dpdkbond::lacp

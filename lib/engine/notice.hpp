// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bond/events.hpp"
#include "bond/wanted.hpp"
#include "host/log_limit.hpp"

namespace dpdkbond {

// What control tells the ordinary threads.
struct Notice {
    std::uint32_t bond = 0;   // its number
    std::uint64_t serial = 0; // BondCore::serial: another bond may have the number by now
    enum class Kind : std::uint8_t {
        wanted, // the devices are to show this; offered again and again until the outbox takes it
        event,  // for people: the log and the history
    } kind = Kind::event;
    Event event;
    Wanted wanted;
};

// "bond0 m1: carrier_down: …", as logs have it.
std::string event_text(std::string_view bond, const Event& event);
// The same with its parts by name. What somebody has asked for, or what comes once, is of no kind.
LogEntry log_entry_of(std::string_view bond, const Event& event);

} // namespace dpdkbond

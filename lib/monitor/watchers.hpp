// SPDX-License-Identifier: BSD-3-Clause
// Who has a say in whether a member may be used. Watchers compose: a member is usable while none objects.
// One list: names in events, status and telemetry derive from it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/enum_set.hpp"

namespace dpdkbond {

#define DPDKBOND_WATCHERS(X)                                                                                 \
    X(carrier, "carrier")   /* the link itself */                                                            \
    X(arp, "arp")           /* the targets that are asked by ARP */                                          \
    X(ns, "ns")             /* … by neighbour solicitation */                                              \
    X(flapping, "flapping") /* it was lost too often of late */                                              \
    X(by_hand, "taken out by hand")

enum class Watcher : std::uint8_t {
#define X(name, text) name,
    DPDKBOND_WATCHERS(X)
#undef X
        count
};

constexpr std::string_view watcher_name(Watcher w) {
    constexpr std::string_view names[] = {
#define X(name, text) text,
        DPDKBOND_WATCHERS(X)
#undef X
    };
    return names[static_cast<unsigned>(w)];
}

// As telemetry spells it.
constexpr std::string_view watcher_key(Watcher w) {
    constexpr std::string_view keys[] = {
#define X(name, text) #name,
        DPDKBOND_WATCHERS(X)
#undef X
    };
    return keys[static_cast<unsigned>(w)];
}

using WatcherSet = EnumSet<Watcher, static_cast<std::size_t>(Watcher::count)>;

} // namespace dpdkbond

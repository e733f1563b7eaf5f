// SPDX-License-Identifier: BSD-3-Clause
// Who has a say in whether a member may be used. Watchers compose: a member is usable while none objects.
// One list: names in events, status and telemetry derive from it.
#pragma once

#include <cstdint>
#include <string_view>

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

class WatcherSet {
public:
    constexpr WatcherSet& add(Watcher w, bool on = true) {
        if (on) bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(w));
        return *this;
    }
    [[nodiscard]] constexpr WatcherSet without(Watcher w) const {
        WatcherSet rest = *this;
        rest.bits_ = static_cast<std::uint8_t>(rest.bits_ & ~(1U << static_cast<unsigned>(w)));
        return rest;
    }
    [[nodiscard]] constexpr bool has(Watcher w) const {
        return (bits_ >> static_cast<unsigned>(w) & 1U) != 0;
    }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    constexpr bool operator==(const WatcherSet&) const = default;

private:
    std::uint8_t bits_ = 0;
};

} // namespace dpdkbond

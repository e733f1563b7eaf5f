// SPDX-License-Identifier: BSD-3-Clause
// What happened to a bond, listed once: log lines, telemetry and the console's `events` derive from it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/fixed_string.hpp"
#include "base/strong_id.hpp"
#include "base/time.hpp"

namespace dpdkbond {

#define DPDKBOND_EVENTS(X)                                                                                   \
    X(bond_up)    /* the logical interface has carrier */                                                    \
    X(bond_down)  /* … lost it */                                                                          \
    X(logical_up) /* … was set up */                                                                       \
    X(logical_down)                                                                                          \
    X(member_added)                                                                                          \
    X(member_removed)                                                                                        \
    X(carrier_up) /* the link came: what the watcher saw */                                                  \
    X(carrier_down)                                                                                          \
    X(member_up)       /* the verdict, after updelay */                                                      \
    X(member_down)     /* the verdict, after downdelay */                                                    \
    X(going_up)        /* updelay runs */                                                                    \
    X(going_down)      /* downdelay runs */                                                                  \
    X(flap_suppressed) /* the member is held out as it was lost too often */                                 \
    X(flap_released)   /* … no longer */                                                                   \
    X(active_changed)  /* member: the new active member; empty: none */                                      \
    X(failover_gap)    /* from the last frame of lost members to the first of others */                      \
    X(option_changed)                                                                                        \
    X(mode_changed)                                                                                          \
    X(mac_changed)                                                                                           \
    X(lacp_receive)    /* 802.3ad: a port's receive machine */                                               \
    X(lacp_mux)        /* … its mux machine: when it collects and distributes */                           \
    X(lacp_churn)      /* … a churn detection machine */                                                   \
    X(lacp_partner)    /* … hears another partner than before */                                           \
    X(lacp_selected)   /* … has another aggregator, or is on standby */                                    \
    X(lacp_aggregator) /* another aggregator is the active one */                                            \
    X(lacp_no_partner) /* traffic is sent though no partner answers, or no longer */                         \
    X(lacp_bad_frame)  /* malformed, or our own come back */                                                 \
    X(lacp_left)       /* a last LACPDU told the partner */                                                  \
    X(flows_moved)     /* from members that still work, after they were held for the sake of their order */  \
    X(path_up)         /* balance-spray: the next hop answers, its share goes there */                       \
    X(path_down)       /* … is silent, or the link is lost */                                              \
    X(device_changed)  /* somebody has renamed a netdev of the bond, or uses it no longer */                 \
    X(warning)                                                                                               \
    X(reloaded)

enum class EventKind : std::uint8_t {
#define X(name) name,
    DPDKBOND_EVENTS(X)
#undef X
        count
};

constexpr std::string_view event_name(EventKind kind) {
    constexpr std::string_view names[] = {
#define X(name) #name,
        DPDKBOND_EVENTS(X)
#undef X
    };
    return names[static_cast<unsigned>(kind)];
}

struct Event {
    Time at{};
    EventKind kind{};
    FixedString<63> member; // empty: the bond as a whole
    FixedString<127> detail;
};

inline constexpr std::size_t kEventHistory = 256;

} // namespace dpdkbond

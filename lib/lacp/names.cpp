// SPDX-License-Identifier: BSD-3-Clause
#include <array>

#include "lacp/events.hpp"
#include "lacp/types.hpp"

namespace dpdkbond::lacp {

namespace {

template <class State, std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& names, State state) {
    const auto index = static_cast<std::size_t>(state);
    return index < N ? names[index] : "?";
}

} // namespace

std::string_view name(RxState state) {
    static constexpr std::array<std::string_view, 6> names{"INITIALIZE", "PORT_DISABLED", "LACP_DISABLED",
                                                           "EXPIRED",    "DEFAULTED",     "CURRENT"};
    return pick(names, state);
}

std::string_view name(PeriodicState state) {
    static constexpr std::array<std::string_view, 4> names{"NO_PERIODIC", "FAST_PERIODIC", "SLOW_PERIODIC",
                                                           "PERIODIC_TX"};
    return pick(names, state);
}

std::string_view name(MuxState state) {
    static constexpr std::array<std::string_view, 6> names{
        "DETACHED", "WAITING", "ATTACHED", "COLLECTING_DISTRIBUTING", "COLLECTING", "DISTRIBUTING"};
    return pick(names, state);
}

std::string_view name(ChurnState state) {
    static constexpr std::array<std::string_view, 3> names{"monitoring", "none", "churned"};
    return pick(names, state);
}

std::string_view name(Selected selected) {
    static constexpr std::array<std::string_view, 3> names{"UNSELECTED", "SELECTED", "STANDBY"};
    return pick(names, selected);
}

std::string_view name(EventKind kind) {
    static constexpr std::array<std::string_view, kEventKindCount> names{
        "rx_state",      "periodic_state", "mux_state", "actor_churn",
        "partner_churn", "partner",        "selected",  "active_aggregator",
        "forwarding",    "black_hole",     "bad_pdu",   "loopback",
        "left",          "marker",         "unsettled"};
    return pick(names, kind);
}

} // namespace dpdkbond::lacp

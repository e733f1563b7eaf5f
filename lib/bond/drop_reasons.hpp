// SPDX-License-Identifier: BSD-3-Clause
// Why a frame was not delivered. One list: name in the code, telemetry key, description. A frame that enters
// the bond is handed up, sent, given to control, or counted here once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dpdkbond {

#define DPDKBOND_DROP_REASONS(X)                                                                             \
    X(no_member, "no usable member to send by")                                                              \
    X(no_path, "every path to the balance-spray peer is out of use")                                         \
    X(member_full, "the member's transmit queue stayed full")                                                \
    X(logical_full, "the logical interface's queue stayed full")                                             \
    X(inactive_member, "received on a member that is not active")                                            \
    X(foreign_mac, "received for an address that is not the logical interface's")                            \
    X(foreign_group, "received for a group that the logical interface has not joined")                       \
    X(logical_down, "received while the logical interface was set down")                                     \
    X(oversize, "longer than the MTU allows: an unsegmented frame of a local peer")                          \
    X(no_buffer, "no packet buffer left for a frame of control's own or for the segments of a long frame")   \
    X(control_full, "the queue to or from the control lcore was full")                                       \
    X(member_gone, "queued for a member that has left")

enum class DropReason : std::uint8_t {
#define X(name, text) name,
    DPDKBOND_DROP_REASONS(X)
#undef X
        count
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::count);

inline constexpr std::array<std::string_view, kDropReasons> kDropReasonNames{
#define X(name, text) #name,
    DPDKBOND_DROP_REASONS(X)
#undef X
};

inline constexpr std::array<std::string_view, kDropReasons> kDropReasonTexts{
#define X(name, text) text,
    DPDKBOND_DROP_REASONS(X)
#undef X
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The carrier watcher of one member: what the link says goes in, up or down comes out after updelay and
// downdelay (Linux bonding: miimon, updelay, downdelay). Sans-IO; owner: whoever owns the bond (the control
// lcore).
#pragma once

#include "base/time.hpp"

namespace dpdkbond {

class LinkMonitor {
public:
    enum class State : std::uint8_t { up, going_down, down, going_back }; // as MII Status

    struct Delays {
        Duration up{0};
        Duration down{0};
    };

    // What a new member starts as: down without carrier; with it up, or going back while an updelay runs.
    void start(bool carrier, Time now, Delays delays);

    // As one that stood there before (a warm restart).
    void resume(State state, Time deadline) {
        state_ = state;
        deadline_ = deadline;
    }

    // The link said `carrier`. Repeats of what is known are no-ops. Returns true when the state changed.
    bool handle_carrier(bool carrier, Time now, Delays delays);

    // Ends a delay that has run out. Spurious calls are no-ops. Returns true when the state changed.
    bool handle_timeout(Time now);

    // Ends a running updelay now: Linux skips it when no member is usable.
    bool skip_updelay();

    [[nodiscard]] State state() const { return state_; }
    // A member whose link is going down is used until downdelay has passed; one going back is not used yet.
    [[nodiscard]] bool up() const { return state_ == State::up || state_ == State::going_down; }
    [[nodiscard]] Time deadline() const { return deadline_; }

private:
    State state_ = State::down;
    Time deadline_ = kNever;
};

} // namespace dpdkbond

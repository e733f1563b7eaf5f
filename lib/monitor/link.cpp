// SPDX-License-Identifier: BSD-3-Clause
#include "monitor/link.hpp"

namespace dpdkbond {

void LinkMonitor::start(bool carrier, Time now, Delays delays) {
    state_ = State::down;
    deadline_ = kNever;
    if (carrier) handle_carrier(true, now, delays);
}

bool LinkMonitor::handle_carrier(bool carrier, Time now, Delays delays) {
    const State before = state_;
    if (carrier) {
        switch (state_) {
        case State::up:
        case State::going_back: break;
        case State::going_down: // it came back before downdelay ran out: nothing happened
            state_ = State::up;
            deadline_ = kNever;
            break;
        case State::down:
            state_ = delays.up > Duration{0} ? State::going_back : State::up;
            deadline_ = delays.up > Duration{0} ? now + delays.up : kNever;
            break;
        }
    } else {
        switch (state_) {
        case State::down:
        case State::going_down: break;
        case State::going_back:
            state_ = State::down;
            deadline_ = kNever;
            break;
        case State::up:
            state_ = delays.down > Duration{0} ? State::going_down : State::down;
            deadline_ = delays.down > Duration{0} ? now + delays.down : kNever;
            break;
        }
    }
    return state_ != before;
}

bool LinkMonitor::handle_timeout(Time now) {
    if (now < deadline_) return false;
    deadline_ = kNever;
    state_ = state_ == State::going_down ? State::down : State::up;
    return true;
}

bool LinkMonitor::skip_updelay() {
    if (state_ != State::going_back) return false;
    state_ = State::up;
    deadline_ = kNever;
    return true;
}

} // namespace dpdkbond

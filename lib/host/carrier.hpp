// SPDX-License-Identifier: BSD-3-Clause
// Is there a carrier right now? The kernel may hold back the notification of a change; the state itself is
// current.
#pragma once

#include <algorithm>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace dpdkbond {

// One netdev polled by one thread, by name. A poll is one pread of the device's sysfs file, in the namespace
// that the thread was in when it constructed this; where sysfs cannot be had, one rtnetlink query. Both wait
// for the kernel's rtnl lock, so a poll may block for as long as someone else reconfigures networking: never
// from the data path.
class CarrierPoll {
public:
    // `ifindex`: of that netdev only; 0: of any that has the name.
    explicit CarrierPoll(std::string name, int ifindex = 0);

    // false: no carrier, administratively down, or no such netdev. A netdev that comes back under the name is
    // found again, if any will do. A renamed netdev is followed under its new name until it goes.
    bool carrier();
    [[nodiscard]] bool set_down() const { return set_down_; } // at the last look it was administratively down
    // … there was no netdev of that name, where any will do.
    [[nodiscard]] bool missing() const { return missing_; }
    [[nodiscard]] bool replaced() const { return replaced_; } // another has the name now
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    bool read_file(bool& carrier);

    bool is_another();

    std::string name_;
    int ifindex_;
    bool replaced_ = false, set_down_ = false, missing_ = false;
    Fd sysfs_; // a detached mount of sysfs for our namespace
    Fd file_;
};

// How often a thread looks at carriers. While others hold the rtnl lock a look spins in the kernel, so after
// one that took long as much time passes, but not more than what a poll of links may take anyway.
class LookPace {
public:
    [[nodiscard]] bool due(Time now) const { return now >= next_; }
    void took(Time began, Time ended) {
        if (ended - began >= kLong) next_ = ended + std::min(ended - began, kLongestPause);
    }

private:
    static constexpr Duration kLong = std::chrono::milliseconds(1),
                              kLongestPause = std::chrono::milliseconds(100);
    Time next_{};
};

// CarrierPoll::carrier(), once.
bool carrier_now(const std::string& name);

// Whether the kernel may deliver carrier changes of this netdev up to a second late. It hurries (linkwatch's
// "urgent" events) only for devices whose lower device or peer has another number than their own; a veth
// whose peer lives in another namespace under the same number is not hurried either. Such a netdev is better
// polled. false if there is no such netdev.
bool carrier_events_may_lag(const std::string& name);

} // namespace dpdkbond

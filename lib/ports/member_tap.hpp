// SPDX-License-Identifier: BSD-3-Clause
// The host's view of one member (member_taps): a tap that says nothing of its own accord, for programs that
// speak from one end of a wire to the other (lldpd). It goes with this object. What it carries is control's
// to say. Ordinary threads.
#pragma once

#include <functional>
#include <string>

#include "base/fd.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"
#include "host/netlink.hpp"
#include "options/model.hpp"

namespace dpdkbond {

// "member_taps: a netdev of the name … is there already; …"
std::string tap_is_taken(const std::string& name);

// Of the members of a bond with member_taps, the first whose tap cannot be made, and why: a netdev of this
// namespace has its name, and `ours` says no to that one. Empty: all can, or the bond has none.
std::string taken_tap(const BondConfig& bond, const std::function<bool(const LinkEvent&)>& ours);

class MemberTap {
public:
    // Makes it in the network namespace of this thread: up, without carrier, IPv6 and ARP. `mac`: the
    // member's permanent one, by which neighbours tell members apart; zero: one of the kernel's choice.
    static Result<MemberTap> open(const std::string& name, const Mac& mac);

    [[nodiscard]] int fd() const { return fd_.get(); } // one read or write a frame; never waits
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool is_gone() const; // deleted by somebody
    void set_carrier(bool up);

private:
    MemberTap(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
    Fd fd_;
    std::string name_; // that it was made with
    bool carrier_ = false;
};

} // namespace dpdkbond

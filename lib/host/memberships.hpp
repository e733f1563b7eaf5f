// SPDX-License-Identifier: BSD-3-Clause
// What a netdev of the kernel's is to receive on behalf of a driver that sits on it by a packet socket:
// memberships of a socket of our own, which hears nothing. The kernel counts them, programs the hardware, and
// takes them back when the socket goes, whatever became of this process. Ordinary threads, one at a time.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/mac.hpp"
#include "base/result.hpp"

namespace dpdkbond {

class Memberships {
public:
    static Result<Memberships> open(int ifindex); // in the namespace of the calling thread

    Result<void> promiscuous(bool on) { return change(on, kPromiscuous, {}); }
    Result<void> all_groups(bool on) { return change(on, kAllGroups, {}); }
    Result<void> address(bool on, const Mac& mac) { return change(on, kAddress, mac); } // a group, or a MAC

private:
    enum Kind { kPromiscuous, kAllGroups, kAddress };
    Memberships(Fd socket, int ifindex) : socket_(std::move(socket)), ifindex_(ifindex) {}
    Result<void> change(bool on, Kind kind, const Mac& mac);

    Fd socket_;
    int ifindex_;
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Members that a bond should have and does not, as their device is not there or did not open: listed with
// the reason, and tried again. Ordinary threads, one at a time.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "bond/status.hpp"
#include "options/model.hpp"

namespace dpdkbond {

// Why the member's device is not on this machine: "no such device: there is no netdev m1 in this namespace".
// Empty: it is, or it is one that DPDK makes (net_tap, net_null). `sys`: where sysfs is mounted.
std::string why_absent(const MemberConfig& member, const std::string& sys = "/sys");

// The netdev of the kernel that a socket driver (af_packet, af_xdp, pcap) reads; empty: it has none.
std::string socket_netdev(const std::string& device);

// What a member that has left had, and has again when it is back.
struct LeftBehind {
    MemberCounters counters;
    std::uint32_t link_failures = 0;
};

struct WaitingMember {
    MemberConfig config;
    std::string reason;
    Time since{};
    Time next_try{};
    Duration pause{};
    LeftBehind had{};
};

class WaitingMembers {
public:
    using WhyAbsent = std::function<std::string(const MemberConfig&)>;

    // Replaces one of that name, but for what it had.
    void add(const MemberConfig& member, std::string reason, Time now);
    void add(const MemberConfig& member, std::string reason, Time now, const LeftBehind& had);
    void clear_counters();
    bool remove(std::string_view name, Time now);               // false: there is none
    [[nodiscard]] Time last_left() const { return last_left_; } // when one was removed, to join or for good
    void clear() { members_.clear(); }
    [[nodiscard]] WaitingMember* find(std::string_view name);
    [[nodiscard]] std::span<const WaitingMember> all() const { return members_; }
    [[nodiscard]] bool empty() const { return members_.empty(); }
    [[nodiscard]] std::vector<MemberConfig> configs() const;

    // Those whose device is there and whose pause after a failure is over; the others learn why theirs is
    // not.
    std::vector<MemberConfig> due(Time now, const WhyAbsent& why);
    // A try has failed: the next one is due after a pause that grows from 1 s to 30 s. true: for another
    // reason than the last time, so that somebody should be told.
    bool failed(std::string_view name, const std::string& reason, Time now);

private:
    std::vector<WaitingMember> members_; // in the order in which they were added
    Time last_left_{};
};

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What a bond says of itself, as text for people and for the parsers that read Linux's status files. Pure
// functions, any thread; every text ends with a newline.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/instance.hpp"

namespace dpdkbond {

std::string_view program_version(); // "0.1.0"
Time program_began();               // when this process, or what it was loaded into, began

// The layout of Linux's /proc/net/bonding/BOND: same lines, order, words and units for the mode. The first
// line names dpdk-bond and its version where Linux's names its kernel.
std::string render_proc(const BondView& view);

// 802.3ad in full: the active aggregator, both ends of every port, machines and counters.
std::string render_lacp(const BondView& view);

// One line an event, oldest first: date and time in UTC, member ("-": the bond as a whole), event, detail.
std::string render_events(const std::vector<PastEvent>& events);

// Counters of the bond and of its members, and why frames were not delivered.
std::string render_stats(const BondView& view);

// Who does what the logical interface leaves undone: "member", or "software". The member is one whose
// offloads are known.
struct MemberOffloads {
    std::string_view checksum, tcp_segmentation, udp_segmentation;
    std::string_view rx_checksum; // who finds out whether a received one is right
};
MemberOffloads member_offloads(const MemberView& member);

// Everything known of one member.
std::string render_member(const MemberView& member);

// Buckets, and bytes a second where they are measured, by member.
std::string render_load(const std::vector<MemberLoad>& load);

// balance-alb: a line for each client.
std::string render_rlb(const std::vector<RlbClientView>& clients);

// "hash 0x2f3a1b04, bucket 4 of 6: m1" and the reason on a line of its own.
std::string render_explain(const Explanation& explanation);

// The name of a member by id, "" when the id is kNoMember or left the bond.
std::string_view member_name(const BondStatus& status, MemberId id);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What the devargs of a net_dpdkbond device say, and the options of the C library. Pure but for the file that
// config= names; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "options/model.hpp"

namespace dpdkbond {

// What a bond inside another application says of `member_taps`.
inline constexpr const char* kNoTaps = "taps of members are the program dpdk-bond's; leave it out";

struct PortArgs {
    BondConfig bond;    // logical.mac and logical.mtu are the port's
    int socket_id = -1; // -1: any memory node
};

struct ParsedPortArgs {
    PortArgs args;
    std::vector<std::string> problems; // "KEY: what is wrong; what is allowed", all at once; empty: none
};

// `name`: of the device, which is the bond's too. `text`: "mode=4,member=0000:01:00.0,…"; a value with commas
// stands in brackets, as DPDK has it: arp_ip_target=[192.0.2.1,192.0.2.2].
// `needs_member`: it is a mistake to name none.
ParsedPortArgs parse_port_args(const std::string& name, std::string_view text, bool needs_member = true);

// The name of the bond of a configuration file that has just one; empty: it has not, or cannot be read.
std::string only_bond_of(const std::string& file);

} // namespace dpdkbond

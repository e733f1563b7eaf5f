// SPDX-License-Identifier: BSD-3-Clause
// Telemetry's answers read back. The one place that reads JSON. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "ops/instance.hpp"

namespace dpdkbond {

// The payload of an answer, `{"/bond/info":PAYLOAD}`, as text. Error: not JSON, or not one answer.
Result<std::string> answer_payload(std::string_view answer);

// ["a","b"] → a, b. Error for anything else: null says that nobody registered the command.
Result<std::vector<std::string>> names_from_json(std::string_view payload);

// The "members" of /bond/info's payload.
Result<std::vector<std::string>> member_names_from_json(std::string_view info);

// A bond from the payloads of /bond/info and, one a member and in the bond's order, /bond/member. Holds what
// those carry: the bond's counters and what was taken down by command are not among it. Member ids count from
// 0. In 802.3ad: `lacp`, the payload of /bond/lacp, and `lacp_ports`, those of its members. Error: one line.
Result<BondView> bond_from_json(std::string_view info, const std::vector<std::string>& members,
                                const std::string& lacp = {}, const std::vector<std::string>& lacp_ports = {},
                                const std::vector<std::string>& spray = {});

// The payload of /bond/explain; its "error" is the error.
Result<Explanation> explanation_from_json(std::string_view payload);

// What `status BOND --json` prints: the keys of /bond/info, "member": {NAME: payload of /bond/member},
// "stats": payload of /bond/stats, in 802.3ad "lacp": that of /bond/lacp, in balance-spray "spray": that of
// /bond/spray. Indented.
struct BondAnswers {
    std::string name, info, stats;
    std::vector<std::string> member_names, members;
    std::string lacp; // empty in other modes
    std::vector<std::string> lacp_ports;
    std::vector<std::string> spray; // pages of /bond/spray; none in other modes
};
std::string status_json(const BondAnswers& bond);
// … without BOND: {NAME: the same} for every bond.
std::string status_json(const std::vector<BondAnswers>& bonds);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// Telemetry's answers read back. The one place that reads JSON. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
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

// A payload that is a string.
Result<std::string> string_from_json(std::string_view payload);

// The "health" of /bond/info's payload.
struct HealthAnswer {
    Health state = Health::down;
    std::string since, why;
};
Result<HealthAnswer> health_from_json(std::string_view info);
// /bond/info's payload with all that the bond's status text says of its health.
std::string with_all_reasons(std::string_view info, std::string_view status_text);
// {NAME: its "health"} of each bond, by name and /bond/info's payload.
std::string health_json(const std::vector<std::pair<std::string, std::string>>& bonds);

// The payload of /bond/explain; its "error" is the error.
Result<Explanation> explanation_from_json(std::string_view payload);

// What `status BOND --json` prints: the keys of /bond/info, "member": {NAME: payload of /bond/member},
// "stats": payload of /bond/stats, in 802.3ad "lacp": that of /bond/lacp, in balance-spray "spray": that of
// /bond/spray. Indented.
struct BondAnswers {
    std::string name, info, stats;
    std::vector<std::string> member_names, members;
    std::string lacp;               // empty in other modes
    std::vector<std::string> spray; // pages of /bond/spray; none in other modes
    bool operator==(const BondAnswers&) const = default;
};
std::string status_json(const BondAnswers& bond);
// … without BOND: {NAME: the same} for every bond.
std::string status_json(const std::vector<BondAnswers>& bonds);

// ---- `show … --json`, of pages and payloads that telemetry has answered; not JSON: an exception

bool has_nothing(const std::string& page);                      // {} or [], no peers, no buckets
std::string events_json(const std::vector<std::string>& pages); // the last page is the oldest
std::string load_json(const std::vector<std::string>& pages);   // members once, with all their buckets
std::string merged_json(const std::vector<std::string>& pages); // of dicts
std::string merged_spray_json(const std::vector<std::string>& pages);
std::string lacp_json(const std::string& bond, const std::vector<std::string>& ports);
std::string infos_json(const std::vector<std::pair<std::string, std::string>>& bonds); // {NAME: info}
std::string indented_json(const std::string& text);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// What `explain BOND FILE` says of the flows of a capture file. Ordinary threads.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "bond/views.hpp"

namespace dpdkbond {

// Frames that are one flow: of equal headers, and of equal hash by each policy.
struct FlowInFile {
    std::string text;     // flow_text()
    std::string question; // as parse_flow() takes it; empty: it is too short for one
    std::uint64_t frames = 0, bytes = 0;
    Explanation explanation;
};

struct FlowsInFile {
    std::vector<FlowInFile> flows; // in the order of their first frames
    std::uint64_t inbound = 0;     // frames left out: members have received them
    std::uint64_t not_ethernet = 0;
    std::string cut; // not empty: the file ends too early
};

Result<FlowsInFile> flows_in(std::istream& file);
// A flow whose question is empty has been asked nothing, and has no member.
// A line a flow, then a line a member. JSON: {"flows": […], "members": {NAME: {flows, frames, bytes}}, …}.
std::string explained_text(const FlowsInFile& file);
std::string explained_json(const FlowsInFile& file);

} // namespace dpdkbond

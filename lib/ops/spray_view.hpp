// SPDX-License-Identifier: BSD-3-Clause
// What telemetry and the console show of a balance-spray bond.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options/spray.hpp"

namespace dpdkbond {

struct SprayPathView {
    std::string member;
    std::string via;          // the next hop's address; empty: its MAC was given
    Mac mac{};                // zero: not known yet
    std::string state;        // "no_link", "asking", "up", "silent"
    std::uint32_t weight = 0; // as it counts now
    std::uint64_t frames = 0; // that left by it
};

struct SprayPeerView {
    std::string address;
    std::vector<SprayPathView> paths;
};

struct SprayView {
    SprayOptions options;
    std::vector<SprayPeerView> peers; // as configured
};

// Lines for the status file: of the bond, of a member. Parsers of Linux's pass over them.
std::string spray_lines(const SprayView& view);
std::string spray_member_line(const SprayView& view, std::string_view member);

// A table of peers and paths, and what holds for all of them; ends with a newline.
std::string render_spray(const SprayView& view);

} // namespace dpdkbond

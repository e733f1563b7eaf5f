// SPDX-License-Identifier: BSD-3-Clause
// The command line. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace dpdkbond {

struct Args {
    enum class Verb { run, check, status, explain, capture, console, import, modes, nics, version, help };
    Verb verb = Verb::help;
    std::string config;                     // run, check
    bool console = false;                   // run: -i
    bool json = false;                      // status, nics
    std::optional<std::string> file_prefix; // all
    std::vector<std::string> operands;      // status [BOND] · explain BOND FLOW · import DEV
};

// The error says what is wrong with the command line in one line.
Result<Args> parse_args(const std::vector<std::string>& argv);
std::string usage();

} // namespace dpdkbond

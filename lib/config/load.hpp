// SPDX-License-Identifier: BSD-3-Clause
// FILE → Config, or every problem at once. The one user of yaml-cpp. Start-up and the reload thread; never
// control.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "options/model.hpp"

namespace dpdkbond {

struct ConfigProblem {
    int line = 0, column = 0; // 1-based; 0: the file as a whole
    std::string key;          // "bonds[0].members[1].prio"
    std::string message;      // "what is wrong; what is allowed"
};

struct LoadedConfig {
    Config config;
    std::vector<ConfigProblem> problems;  // empty: the config is good
    std::vector<std::string> notes;       // what it says and will not have: "bond0: updelay: …"
    std::vector<std::string> check_notes; // … and a bond that runs tells itself
};

// Reads and validates. Never throws; a file that cannot be read or parsed is one problem.
LoadedConfig load_config(const std::string& path);
LoadedConfig parse_config(const std::string& text);

// "FILE:LINE:COL: KEY: message" — one line each, in the order of the file.
std::string problem_line(const std::string& file, const ConfigProblem& problem);

} // namespace dpdkbond

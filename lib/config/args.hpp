// SPDX-License-Identifier: BSD-3-Clause
// The command line. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dpdkbond {

struct Args {
    enum class Verb {
        run,
        check,
        status,
        explain,
        capture,
        console,
        command,
        show,
        stop,
        restart,
        cleanup,
        keep,
        import,
        modes,
        nics,
        version,
        help
    };
    Verb verb = Verb::help;
    std::string config;                             // run, check
    bool console = false;                           // run: -i
    bool json = false;                              // status, show, explain, nics
    std::optional<std::chrono::milliseconds> watch; // status: how long between two looks
    std::string log_format;                         // run: text, json or journal; empty: as stderr is
    bool warm = false;                              // stop
    bool health = false;                            // status
    bool schema = false;                            // modes
    std::vector<std::string> commands;              // console: -e
    bool stop_on_error = false;                     // console
    std::optional<std::string> file_prefix;         // all
    std::string topic;                              // help: the command that it is about
    std::vector<std::string> operands; // status [BOND] · explain BOND FLOW · …; command: all its words
};

// The error says what is wrong with the command line in one line.
Result<Args> parse_args(const std::vector<std::string>& argv);
std::string usage();
std::string usage(std::string_view topic); // of one command; empty: of all

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The console's commands, listed once: matching, messages, help and completion derive from the list. No
// terminal and no socket here; any ordinary thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/instance.hpp"

namespace dpdkbond {

inline constexpr std::string_view kRefusal = "error: "; // a refused command's line begins with it

struct Reply {
    bool ok = true;
    std::string text;   // whole lines; a refusal is one line that begins with kRefusal
    bool leave = false; // the session is over
};

// What a session is, and what it remembers from one line to the next.
struct Dialogue {
    bool own = false;        // on the program's own stdin: leaving it is stopping the program
    bool asks = false;       // somebody is there to be asked before the program stops
    bool stop_asked = false; // that has been asked: the next line is the answer
};

// Runs one line: words between blanks, "" for an empty one, '#' begins a comment. Returns when the command
// took effect or was refused; an empty line does nothing. Never throws.
Reply run_command(Instance& instance, Dialogue& dialogue, std::string_view line) noexcept;

// Empty: the words are a command, whatever an instance says to it; else what is wrong with them.
std::string command_problem(const std::vector<std::string>& words);

struct Suggestion {
    std::string word;
    std::string help;
};

struct Completion {
    bool possible = true;                // false: the words before begin no command
    bool complete = false;               // the words before are a whole command
    std::vector<Suggestion> suggestions; // what may come next
    std::string wanted;                  // a value that cannot be listed, by name: "DEVICE"; empty: none
    std::string wanted_help;
};

// What may follow `words`, with the bonds, members, options and values as they are now.
Completion complete_command(Instance& instance, const std::vector<std::string>& words);

} // namespace dpdkbond

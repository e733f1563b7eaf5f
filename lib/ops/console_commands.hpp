// SPDX-License-Identifier: BSD-3-Clause
// The console's commands, listed once: matching, messages, help and completion derive from the list. No
// terminal and no socket here; any ordinary thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/instance.hpp"

namespace dpdkbond {

struct Reply {
    bool ok = true;
    std::string text; // whole lines; a refusal is one line that begins with "error: "
};

// Runs one line: words between blanks, '#' begins a comment. Returns when the command took effect or was
// refused; an empty line does nothing. Never throws.
Reply run_command(Instance& instance, std::string_view line) noexcept;

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

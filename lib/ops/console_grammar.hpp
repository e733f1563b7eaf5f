// SPDX-License-Identifier: BSD-3-Clause
// Commands as words: lower case stands for itself ("up|down": either), upper case for a value. Any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dpdkbond {

using Words = std::vector<std::string>;

// Blank-separated words up to '#' or the end of the line. What stands between " and ", or ' and ', is part of
// a word as it is: "" is an empty word. Error: a quote without its end.
Result<Words> split_words(std::string_view text);
std::string join_words(const Words& words); // a line that split_words() makes these words of

bool is_value_slot(std::string_view slot);                       // "NAME"
bool slot_has(std::string_view slot, std::string_view word);     // a literal slot that lists the word
std::vector<std::string_view> slot_words(std::string_view slot); // "up|down" → up, down

struct Syntax {
    std::vector<std::string_view> slots;
};
// Views into text, which must outlive it. A last slot that ends with ... takes all words that are left.
Syntax parse_syntax(std::string_view text);
std::string_view slot_at(const Syntax& syntax, std::size_t position); // empty: nothing may stand there
bool fits(const Syntax& syntax, std::size_t words);                   // so many words make a whole command

// The word of the slots that `word` is or begins; empty: none, several, or one takes a value.
std::string full_word(std::span<const std::string_view> slots, std::string_view word);

// The commands that `words` may begin, by index. A word that one command lists is that word and no value of
// another. Where no value may stand, the beginning of a word will do.
std::vector<std::size_t> matching(std::span<const Syntax> commands, std::span<const std::string> words);

struct Match {
    std::size_t command;
    Words values; // what stood where the syntax has values or alternatives
};
// The one command that `words` are; else one line that says which word is wrong and what may stand there.
Result<Match> match_command(std::span<const Syntax> commands, const Words& words);

} // namespace dpdkbond

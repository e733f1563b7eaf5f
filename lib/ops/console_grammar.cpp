// SPDX-License-Identifier: BSD-3-Clause
#include "ops/console_grammar.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/quote.hpp"

namespace dpdkbond {

namespace {

std::string joined(std::span<const std::string> words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

// What the commands take at the position: "all, NAME or stats".
std::string expected(std::span<const Syntax> commands, const std::vector<std::size_t>& candidates,
                     std::size_t position) {
    std::vector<std::string_view> names;
    for (const std::size_t index : candidates) {
        const auto& slots = commands[index].slots;
        if (slots.size() <= position) continue;
        for (const std::string_view word : slot_words(slots[position]))
            if (std::ranges::find(names, word) == names.end()) names.push_back(word);
    }
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
        text += names[i];
    }
    return text;
}

constexpr std::string_view kNeverShort[] = {"shutdown", "stop", "restart"}; // are said in full

std::vector<std::string_view> slots_at(std::span<const Syntax> commands,
                                       const std::vector<std::size_t>& candidates, std::size_t position) {
    std::vector<std::string_view> slots;
    for (const std::size_t index : candidates)
        if (commands[index].slots.size() > position) slots.push_back(commands[index].slots[position]);
    return slots;
}

} // namespace

Result<Words> split_words(std::string_view text) {
    Words words;
    std::string word;
    bool begun = false;
    const auto end_word = [&] {
        if (std::exchange(begun, false)) words.push_back(std::exchange(word, {}));
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '#' || c == '\n' || c == '\r') break;
        if (c == ' ' || c == '\t') {
            end_word();
            continue;
        }
        begun = true;
        if (c != '"' && c != '\'') {
            word += c;
            continue;
        }
        const std::size_t close = text.find(c, i + 1);
        if (close == std::string_view::npos) return Error{fmt::format("a {} without its end", c)};
        word += text.substr(i + 1, close - i - 1);
        i = close;
    }
    end_word();
    return words;
}

std::string join_words(const Words& words) {
    std::string line;
    for (const std::string& word : words) {
        const bool plain = !word.empty() && word.find_first_of(" \t#\"'\r\n") == std::string::npos;
        const char quote = word.find('"') == std::string::npos ? '"' : '\'';
        line += fmt::format("{}{}", line.empty() ? "" : " ", plain ? word : quote + word + quote);
    }
    return line;
}

bool is_value_slot(std::string_view slot) {
    return std::isupper(static_cast<unsigned char>(slot.front())) != 0;
}

std::vector<std::string_view> slot_words(std::string_view slot) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t bar = slot.find('|');
        words.push_back(slot.substr(0, bar));
        if (bar == std::string_view::npos) return words;
        slot.remove_prefix(bar + 1);
    }
}

bool slot_has(std::string_view slot, std::string_view word) {
    const auto words = slot_words(slot);
    return !is_value_slot(slot) && std::ranges::find(words, word) != words.end();
}

Syntax parse_syntax(std::string_view text) {
    Syntax syntax;
    while (!text.empty()) {
        const std::size_t blank = std::min(text.find(' '), text.size());
        syntax.slots.push_back(text.substr(0, blank));
        text.remove_prefix(std::min(blank + 1, text.size()));
    }
    return syntax;
}

std::string full_word(std::span<const std::string_view> slots, std::string_view word) {
    std::set<std::string_view> begun;
    for (const std::string_view slot : slots) {
        if (is_value_slot(slot)) return {};
        for (const std::string_view whole : slot_words(slot)) {
            if (whole == word) return std::string(word);
            if (whole.starts_with(word) && std::ranges::find(kNeverShort, whole) == std::end(kNeverShort))
                begun.insert(whole);
        }
    }
    // "bo" is "bond", though "bonds" begins so too.
    const bool clear =
        !word.empty() && !begun.empty() &&
        std::ranges::all_of(begun, [&](std::string_view other) { return other.starts_with(*begun.begin()); });
    return clear ? std::string(*begun.begin()) : std::string();
}

std::string_view slot_at(const Syntax& syntax, std::size_t position) {
    const auto& slots = syntax.slots;
    if (position < slots.size()) return slots[position];
    return !slots.empty() && slots.back().ends_with("...") ? slots.back() : std::string_view();
}

bool fits(const Syntax& syntax, std::size_t words) {
    const bool open = !syntax.slots.empty() && syntax.slots.back().ends_with("...");
    return open ? words >= syntax.slots.size() : words == syntax.slots.size();
}

std::vector<std::size_t> matching(std::span<const Syntax> commands, std::span<const std::string> words) {
    std::vector<std::size_t> candidates(commands.size());
    for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i] = i;
    for (std::size_t at = 0; at < words.size(); ++at) {
        const auto slot = [&](std::size_t index) { return slot_at(commands[index], at); };
        const auto takes_value = [&](std::size_t index) {
            return !slot(index).empty() && is_value_slot(slot(index));
        };
        const std::string whole = full_word(slots_at(commands, candidates, at), words[at]);
        const auto listed = [&](std::size_t index) {
            return !slot(index).empty() && slot_has(slot(index), whole.empty() ? words[at] : whole);
        };
        const bool literal = std::ranges::any_of(candidates, listed);
        std::erase_if(candidates,
                      [&](std::size_t index) { return literal ? !listed(index) : !takes_value(index); });
    }
    return candidates;
}

Result<Match> match_command(std::span<const Syntax> commands, const Words& words) {
    const std::span<const std::string> all(words);
    for (std::size_t at = 0; at < words.size(); ++at) {
        if (!matching(commands, all.first(at + 1)).empty()) continue;
        if (at == 0) return Error{"unknown command " + in_quotes(words[0]) + "; see help"};
        const std::string choices = expected(commands, matching(commands, all.first(at)), at);
        const std::string before = in_quotes(joined(all.first(at)), 120);
        if (choices.empty()) return Error{in_quotes(words[at]) + " is too much after " + before};
        return Error{in_quotes(words[at]) + " is not known after " + before + "; there may stand " + choices};
    }
    const auto candidates = matching(commands, all);
    for (const std::size_t index : candidates) {
        if (!fits(commands[index], words.size())) continue;
        Match match{index, {}};
        for (std::size_t at = 0; at < words.size(); ++at) {
            const std::string_view slot = slot_at(commands[index], at);
            if (is_value_slot(slot))
                match.values.push_back(words[at]);
            else if (slot.find('|') != std::string_view::npos)
                match.values.push_back(full_word(std::span(&slot, 1), words[at]));
        }
        return match;
    }
    return Error{"something is missing after " + in_quotes(joined(all), 120) + ": " +
                 expected(commands, candidates, words.size())};
}

} // namespace dpdkbond

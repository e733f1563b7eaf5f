// SPDX-License-Identifier: BSD-3-Clause
#include <vector>

#include "fake_instance.hpp"
#include "fuzz_reader.hpp"
#include "fuzz_targets.hpp"
#include "ops/console_commands.hpp"

namespace dpdkbond::fuzz {

void console_line(Bytes input) {
    test::FakeInstance instance;
    instance.bonds.push_back(test::make_bond(Mode::active_backup));
    instance.bonds.push_back(test::make_bond(Mode::balance_tlb, 3));
    instance.bonds.back().status.name = "bond1";
    const std::string_view line(reinterpret_cast<const char*>(input.data()), input.size());
    Dialogue dialogue;
    const Reply reply = run_command(instance, dialogue, line);
    if (!reply.ok) {
        require(reply.text.starts_with("error: "), "a refusal begins with error:");
        require(reply.text.find('\n') >= reply.text.size() - 1, "a refusal is one line");
        require(instance.calls().empty(), "a refused line changes nothing");
    }
    std::vector<std::string> words{""};
    for (const char c : line) {
        if (c == ' ')
            words.emplace_back();
        else
            words.back() += c;
    }
    for (const Suggestion& s : complete_command(instance, words).suggestions)
        require(!s.word.empty(), "a suggestion is a word");
}

} // namespace dpdkbond::fuzz

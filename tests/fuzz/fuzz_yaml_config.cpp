// SPDX-License-Identifier: BSD-3-Clause
#include "config/dump.hpp"
#include "config/load.hpp"
#include "fuzz_reader.hpp"
#include "fuzz_targets.hpp"

namespace dpdkbond::fuzz {

void yaml_config(Bytes input) {
    const LoadedConfig loaded =
        parse_config(std::string(reinterpret_cast<const char*>(input.data()), input.size()));
    for (const ConfigProblem& problem : loaded.problems) {
        require(!problem.message.empty(), "a problem says what is wrong");
        require(problem_line("f", problem).find('\n') == std::string::npos, "a problem is one line");
    }
    if (!loaded.problems.empty() || loaded.config.bonds.empty()) return;
    std::string text;
    for (const BondConfig& bond : loaded.config.bonds) {
        const std::string one = dump_bond(bond);
        // Each dump is a list below `bonds:`; the first brings the key.
        text += text.empty() ? one : one.substr(std::min(one.find('\n') + 1, one.size()));
    }
    require(parse_config(text).config.bonds.size() == loaded.config.bonds.size(),
            "what is dumped can be loaded again");
}

} // namespace dpdkbond::fuzz

// SPDX-License-Identifier: BSD-3-Clause
// Example files with random damage: the loader answers with a configuration or with problems at places in the
// file.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <catch2/catch.hpp>

#include "config/load.hpp"

using namespace dpdkbond;

namespace {

std::vector<std::string> examples() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(CONFIGS_DIR)) {
        if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    std::vector<std::string> texts;
    for (const auto& path : paths) {
        std::ifstream file(path);
        std::stringstream text;
        // Comments only make the files larger.
        for (std::string line; std::getline(file, line);) {
            if (!line.starts_with("#")) text << line << "\n";
        }
        texts.push_back(text.str());
    }
    return texts;
}

class Mutator {
public:
    void damage(std::string& text) {
        constexpr std::string_view pieces[] = {": ",
                                               "- ",
                                               "[",
                                               "]",
                                               "{",
                                               "}",
                                               "\"",
                                               "'",
                                               "&a ",
                                               "*a",
                                               "<<: ",
                                               "|\n",
                                               ">\n",
                                               "\n---\n",
                                               "\t",
                                               "? ",
                                               "!!int ",
                                               "~",
                                               "\xff",
                                               "\xef\xbb\xbf",
                                               "%YAML 1.2\n",
                                               "99999999999999999999",
                                               "-1",
                                               "bonds:\n",
                                               "    ",
                                               "#",
                                               "\r\n",
                                               "null",
                                               ","};
        const std::size_t at = below(text.size() + 1);
        switch (below(6)) {
        case 0: text.insert(at, pieces[below(std::size(pieces))]); break;
        case 1: text.erase(at, below(12)); break;
        case 2: text.insert(at, text.substr(below(text.size() + 1), below(40))); break;
        case 3:
            if (at < text.size()) text[at] = static_cast<char>(below(256));
            break;
        case 4: text.resize(at); break;
        default:
            if (at < text.size()) std::swap(text[at], text[below(text.size())]);
        }
    }

    std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

private:
    std::mt19937 random_{20240229}; // the same damage in every run
};

} // namespace

TEST_CASE("a damaged file gives a configuration or problems at places in the file") {
    const std::vector<std::string> texts = examples();
    REQUIRE_FALSE(texts.empty());
    Mutator mutator;
    int good = 0, bad = 0;
    for (int run = 0; run < 20'000; ++run) {
        std::string text = texts[mutator.below(texts.size())];
        for (std::size_t i = mutator.below(4) + 1; i > 0; --i) mutator.damage(text);
        const LoadedConfig loaded = parse_config(text);
        const auto lines = 2 + std::ranges::count(text, '\n') + std::ranges::count(text, '\r');
        bool sane = !loaded.problems.empty() || !loaded.config.bonds.empty();
        int last_line = 1;
        for (const ConfigProblem& problem : loaded.problems) {
            sane = sane && problem.line >= last_line && problem.line <= lines && problem.column >= 1 &&
                   !problem.message.empty() && problem.message.find('\n') == std::string::npos;
            last_line = problem.line;
        }
        if (!sane) FAIL("run " << run << " of\n" << text);
        ++(loaded.problems.empty() ? good : bad);
    }
    CHECK(good > 100);
    CHECK(bad > 1000);
}

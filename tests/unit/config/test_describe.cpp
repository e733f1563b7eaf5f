// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "config/describe.hpp"
#include "config/keys.hpp"
#include "config/schema.hpp"
#include "options/model.hpp"
#include "options/options.hpp"

using namespace dpdkbond;

TEST_CASE("docs/options.md is what the tables say") {
    std::ifstream file(std::string(DOCS_DIR) + "/options.md");
    std::stringstream text;
    text << file.rdbuf();
    const std::string expected = options_markdown();
    const bool equal = text.str() == expected;
    if (!equal) std::ofstream(OPTIONS_MD_OUT) << expected;
    INFO("the page that the tables give is now in " << OPTIONS_MD_OUT << "; copy it to docs/options.md");
    CHECK(equal);
}

TEST_CASE("modes and options fit a terminal of 100 columns") {
    std::istringstream lines(modes_text());
    for (std::string line; std::getline(lines, line);) {
        INFO(line);
        CHECK(line.size() <= 100);
        CHECK((line.empty() || line.back() != ' '));
    }
}

TEST_CASE("no mode and no option is missing from the texts") {
    const std::string text = modes_text(), page = options_markdown();
    for (const ModeDef& def : mode_table()) {
        INFO(def.name);
        CHECK(text.find("  " + std::string(def.name) + " ") != std::string::npos);
        CHECK(page.find("`" + std::string(def.name) + "`") != std::string::npos);
    }
    for (const OptionDef& def : option_table()) {
        INFO(def.name);
        CHECK(text.find("\n  " + std::string(def.name) + " ") != std::string::npos);
        CHECK(page.find("| `" + std::string(def.name) + "`") != std::string::npos);
        for (const std::string_view alias : def.aliases)
            CHECK(page.find("`" + std::string(alias) + "`") != std::string::npos);
    }
}

TEST_CASE("every key of the file stands in the texts, with its default", "[operator-e]") {
    const std::string text = modes_text(), page = options_markdown();
    for (const Section section : {Section::runtime, Section::bond, Section::logical, Section::member}) {
        CHECK_FALSE(keys_of(section).empty());
        for (const SectionKey& key : keys_of(section)) {
            INFO(section_name(section) << ' ' << key.name);
            CHECK(text.find("\n  " + std::string(key.name) + " ") != std::string::npos);
            CHECK(page.find("| `" + std::string(key.name) + "` |") != std::string::npos);
        }
    }
    const Config defaults;
    CHECK(page.find("| `memory_mb` | DPDK's memory, most of it packet buffers. | 32-1048576 MB | " +
                    std::to_string(defaults.runtime.memory_mb) + " |") != std::string::npos);
    CHECK(page.find("| `mode` | what the bond does with its members. | a mode's name or number | " +
                    std::string(mode_name(BondConfig().mode)) + " |") != std::string::npos);
}

TEST_CASE("the schema has every key and option, and each mode's own") {
    const std::string schema = config_schema();
    const auto has = [&](std::string_view key) {
        return schema.find('"' + std::string(key) + "\": {") != std::string::npos;
    };
    for (const OptionDef& def : option_table()) {
        CAPTURE(def.name);
        CHECK(has(def.name));
        for (const std::string_view alias : def.aliases) CHECK(has(alias));
    }
    for (const Section section : {Section::runtime, Section::bond, Section::logical, Section::member})
        for (const SectionKey& key : keys_of(section)) CHECK(has(key.name));
    for (const ModeSection* section : mode_sections()) CHECK(has(section->name));
    CHECK(std::ranges::count(schema, '{') == std::ranges::count(schema, '}'));
}

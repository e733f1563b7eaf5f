// SPDX-License-Identifier: BSD-3-Clause
// Sections that modes have of their own among the keys of a bond in the file: how each is read, judged,
// written and described. ModeDef::section names the mode's. Start-up and the reload thread.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"

namespace YAML {
class Node;
}

namespace dpdkbond {

class YamlReader;

// A key of a section, listed once: reading, `modes` and docs/options.md derive from it.
struct SectionKey {
    std::string_view name; // "peers[].via" is one of an entry of the list `peers`
    std::string_view values, default_text, help;
    unsigned min = 0, max = 0; // numbers
};

struct ModeSection {
    std::string_view name; // the key
    std::span<const SectionKey> keys;
    void (*read)(YamlReader& reader, BondOptions& out, const YAML::Node& node, const std::string& path);
    // Every problem of the section below the bond's key ("bonds[0]"), without line and column. What depends
    // on a key in `broken` is not judged.
    std::vector<ConfigProblem> (*check)(const BondConfig& bond, const std::string& bond_key,
                                        const std::set<std::string>& broken);
    // As YAML, indented for a bond's keys; every line ends with a newline.
    std::string (*dump)(const BondOptions& options);
    bool (*equal)(const BondOptions& a, const BondOptions& b);
};

std::span<const ModeSection* const> mode_sections();
const ModeSection* section_of(Mode mode);           // nullptr: it has none
const ModeDef& mode_of(const ModeSection& section); // whose it is

extern const ModeSection spray_section;

} // namespace dpdkbond

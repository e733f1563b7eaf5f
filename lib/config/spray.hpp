// SPDX-License-Identifier: BSD-3-Clause
// The section `spray:` of a bond in mode balance-spray: reading it, judging it, writing it. Start-up and the
// reload thread.
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

// The keys of the section and of an entry of its `peers`, listed once: reading, `modes` and docs/options.md
// derive from it.
struct SprayKey {
    std::string_view name; // "peers[].via" is one of an entry
    std::string_view values, default_text, help;
    unsigned min = 0, max = 0; // numbers
};
std::span<const SprayKey> spray_keys();

void read_spray(YamlReader& reader, SprayOptions& out, const YAML::Node& node, const std::string& path);

// Every problem of the section below the bond's key ("bonds[0]"), without line and column. What depends on a
// key in `broken` is not judged.
std::vector<ConfigProblem> check_spray(const BondConfig& bond, const std::string& bond_key,
                                       const std::set<std::string>& broken);

// The section as YAML, indented for a bond's keys; every line ends with a newline.
std::string dump_spray(const SprayOptions& spray);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The keys of a configuration file that are no options: one table, for the loader, `dpdk-bond modes` and
// docs/options.md.
#pragma once

#include <span>
#include <string_view>

namespace dpdkbond {

enum class Section { runtime, bond, logical, member };

struct FileKey {
    std::string_view name;
    std::string_view values;
    std::string_view default_text; // empty: the key is needed
    std::string_view help;
};

std::span<const FileKey> keys_of(Section section); // in the order in which a file is best written
std::string_view
section_name(Section section); // "runtime", "bonds[]", "bonds[].logical", "bonds[].members[]"

} // namespace dpdkbond

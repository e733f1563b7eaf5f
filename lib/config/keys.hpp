// SPDX-License-Identifier: BSD-3-Clause
// The keys of a configuration file that are no options: one table, for the loader, `dpdk-bond modes` and
// docs/options.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/section.hpp"

namespace dpdkbond {

enum class Section { runtime, bond, logical, member };

std::span<const SectionKey> keys_of(Section section); // in the order in which a file is best written
std::string_view
section_name(Section section); // "runtime", "bonds[]", "bonds[].logical", "bonds[].members[]"

// For somebody who has named an option of a bond, or of a member, that there is none of: "no such option",
// and where in the file that key is, or which option is meant.
std::string no_such_option(std::string_view option, bool of_member);

} // namespace dpdkbond

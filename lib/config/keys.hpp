// SPDX-License-Identifier: BSD-3-Clause
// The keys of a configuration file that are no options: one table, for the loader, `dpdk-bond modes` and
// docs/options.md.
#pragma once

#include <span>
#include <string_view>

#include "config/section.hpp"

namespace dpdkbond {

enum class Section { runtime, bond, logical, member };

std::span<const SectionKey> keys_of(Section section); // in the order in which a file is best written
std::string_view
section_name(Section section); // "runtime", "bonds[]", "bonds[].logical", "bonds[].members[]"

} // namespace dpdkbond

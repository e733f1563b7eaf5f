// SPDX-License-Identifier: BSD-3-Clause
// What the parts of the status text are written with. Private to lib/ops.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "ops/instance.hpp"

namespace dpdkbond {

using Out = std::string;

/// Appends to `out`, by fmt's rules.
template <class... Args> void put(Out& out, fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

/// The bond's value of the option `name`, as in a configuration; empty where there is no such option.
inline std::string option_text(const BondView& view, std::string_view name) {
    const OptionDef* def = find_option(name);
    return def != nullptr ? bond_option_text(view.options, *def) : std::string();
}

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// YAML as JSON. Pure; any ordinary thread.
#pragma once

#include <string>

#include "base/result.hpp"

namespace dpdkbond {

// Indented, with a line end. Plain scalars that are numbers, true or false in JSON are those there, an empty
// one is null; all else is a string. The error: it is no YAML.
Result<std::string> yaml_as_json(const std::string& yaml);

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The configuration file's form as a JSON schema (draft 7), for editors and for checks without this program.
// Made of the tables of keys and options, like `dpdk-bond modes`. Pure.
#pragma once

#include <string>

namespace dpdkbond {

// Keys, values and which modes take an option. What needs more than one look is --check's alone: names that
// are there twice, members that an option names, values that others must divide, and what the machine has.
std::string config_schema();

} // namespace dpdkbond

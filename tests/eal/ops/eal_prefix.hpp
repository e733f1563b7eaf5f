// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace dpdkbond::test {
const std::string& eal_prefix(); // the file prefix that this process's EAL runs under
}

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace dpdkbond::testing {

/// All tests of the executable that the arguments choose, as Catch2's own main would run them; the result is
/// the exit status. For a main that has something to prepare; the others take the one of catch_main_dep.
int run_tests(int argc, char** argv);

} // namespace dpdkbond::testing

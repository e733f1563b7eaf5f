// SPDX-License-Identifier: BSD-3-Clause
// The only object with the inside of Catch2: it takes longer to compile than any test.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "catch_session.hpp"

int dpdkbond::testing::run_tests(int argc, char** argv) { return Catch::Session().run(argc, argv); }

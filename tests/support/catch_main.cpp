// SPDX-License-Identifier: BSD-3-Clause
#include "catch_session.hpp"

int main(int argc, char** argv) { return dpdkbond::testing::run_tests(argc, argv); }

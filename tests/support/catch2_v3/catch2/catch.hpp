// SPDX-License-Identifier: BSD-3-Clause
// The names of Catch2 2 that the tests use, from the headers of Catch2 3. meson.build puts it on the include
// path where Catch2 3 is installed.
#pragma once

#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>
#ifdef CATCH_CONFIG_RUNNER
#include <catch2/catch_session.hpp>
#endif

#include <string>

using Catch::Approx;

namespace Catch {

inline Matchers::StringContainsMatcher Contains(const std::string& part) {
    return Matchers::ContainsSubstring(part);
}
inline Matchers::StartsWithMatcher StartsWith(const std::string& part) { return Matchers::StartsWith(part); }
inline Matchers::EndsWithMatcher EndsWith(const std::string& part) { return Matchers::EndsWith(part); }

} // namespace Catch

// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "ops/screen.hpp"

using namespace dpdkbond;

TEST_CASE("a screen shows what fits, and says what does not") {
    CHECK(screen_of("one\n\ntwo\n", 24, 80) == "\x1b[Hone\x1b[K\n\x1b[K\ntwo\x1b[K\n\x1b[J");
    CHECK(screen_of("one\ntwo\nthree\nfour", 4, 3) ==
          "\x1b[Hone\x1b[K\ntwo\x1b[K\n... 2 more lines\x1b[K\n\x1b[J");
    CHECK(screen_of("one\ntwo\nthree", 4, 3) == "\x1b[Hone\x1b[K\ntwo\x1b[K\nthr\x1b[K\n\x1b[J");
    CHECK(screen_of("one", 1, 3) == "\x1b[H\x1b[J");
    CHECK(screen_of("", 24, 80) == "\x1b[H\x1b[J");
}

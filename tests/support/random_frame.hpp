// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <initializer_list>
#include <random>

#include "hand_mbuf.hpp"

namespace dpdkbond::testing {

// Any bytes, with a header that is right as far as it matters and as often wrong in one place.
inline Octets random_frame(std::mt19937& random) {
    const auto one_of = [&](std::initializer_list<unsigned> values) {
        return static_cast<std::uint8_t>(values.begin()[random() % values.size()]);
    };
    Octets f(random() % 8 == 0 ? random() % 64 : 60 + random() % 40);
    for (auto& byte : f) byte = static_cast<std::uint8_t>(random());
    Octets head(64);
    for (auto& byte : head) byte = static_cast<std::uint8_t>(random());
    std::size_t at = 12;
    for (unsigned tags = random() % 4 == 0 ? 1 + random() % 2 : 0; tags > 0; --tags) {
        const bool outer = random() % 2 == 0;
        head[at] = outer ? 0x88 : 0x81;
        head[at + 1] = outer ? 0xa8 : 0x00;
        at += 4;
    }
    switch (random() % 8) {
    case 0: break; // some other type
    case 1:
    case 2:
        head[at] = 0x86;
        head[at + 1] = 0xdd;
        head[at + 2] = 0x60;
        head[at + 8] = one_of({6, 17, 6, 17, 58, 1, 0, 33, 43, 44, 50, 51, 60, 132, 136});
        break;
    default:
        head[at] = 0x08;
        head[at + 1] = 0x00;
        head[at + 2] = one_of({0x45, 0x45, 0x45, 0x45, 0x46, 0x4f, 0x44});
        head[at + 8] = one_of({0, 0x40, 0x40, 0x20, 0x3f});
        head[at + 9] = one_of({0, 0, 0, 1});
        head[at + 11] =
            one_of({6, 17, 6, 17, 1, 58, 2, 47, 4, 41, 50, 51, 132, 0, 33, 43, 44, 60, 136, 137, 20, 68});
    }
    std::copy_n(head.begin(), std::min(head.size(), f.size()), f.begin());
    return f;
}

} // namespace dpdkbond::testing

// SPDX-License-Identifier: BSD-3-Clause
// Members by number: their ids and permanent MACs.
#pragma once

#include <cstdint>

#include "base/mac.hpp"
#include "base/strong_id.hpp"

namespace dpdkbond::testing {

constexpr MemberId id(unsigned n) { return MemberId{static_cast<std::uint8_t>(n)}; }
constexpr Mac own(unsigned n) { return Mac{{2, 0xbd, 0, 0, 0, static_cast<std::uint8_t>(n)}}; }

} // namespace dpdkbond::testing

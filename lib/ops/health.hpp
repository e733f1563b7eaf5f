// SPDX-License-Identifier: BSD-3-Clause
// One word for a bond, since when and why. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

#include "ops/instance.hpp"

namespace dpdkbond {

// Of what the view's status says.
HealthView health_of(const BondView& view);

// As much of `why` as `room` characters hold: whole reasons, and "; ..." in place of the others.
std::string short_why(const std::string& why, std::size_t room);
inline constexpr std::string_view kMoreReasons = "; ...";

// "degraded since 2026-11-28T03:00:12Z: 1 of 2 members usable; m0: carrier"
std::string health_text(const HealthView& health);

} // namespace dpdkbond

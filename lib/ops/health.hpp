// SPDX-License-Identifier: BSD-3-Clause
// One word for a bond, since when and why. Pure, any thread.
#pragma once

#include <string>

#include "ops/instance.hpp"

namespace dpdkbond {

// Of what the view's status says.
HealthView health_of(const BondView& view);

// "degraded since 2026-11-28T03:00:12Z: 1 of 2 members usable; m0: carrier"
std::string health_text(const HealthView& health);

} // namespace dpdkbond

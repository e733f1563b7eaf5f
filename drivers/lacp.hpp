// SPDX-License-Identifier: BSD-3-Clause
// What the status of an 802.3ad bond is made of.
#pragma once

#include "bond/controller.hpp"
#include "lacp/status.hpp"

namespace dpdkbond {

// Copies the newest status of the LACP machines. False: another mode's controller. Any thread, while the
// controller lives.
bool lacp_status(const Controller& controller, lacp::BondStatus& out);

} // namespace dpdkbond

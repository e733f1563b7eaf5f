// SPDX-License-Identifier: BSD-3-Clause
// The ports of this process as telemetry sees them: each is a bond of the device's name.
#pragma once

namespace dpdkbond {

class BondPort;

void enter_instance(BondPort& port); // with the first one telemetry's commands are registered
void leave_instance(BondPort& port); // nobody asks it any more when this returns

} // namespace dpdkbond

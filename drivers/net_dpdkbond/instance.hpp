// SPDX-License-Identifier: BSD-3-Clause
// The ports of this process as telemetry and the console see them: each is a bond of the device's name. The
// first port opens both doors, the last closes them.
#pragma once

namespace dpdkbond {

class BondPort;

void enter_instance(BondPort& port);
void leave_instance(BondPort& port); // nobody asks it any more when this returns

} // namespace dpdkbond

// SPDX-License-Identifier: BSD-3-Clause
// The bonds of this process as telemetry and the console see them. The first opens both doors, the last
// closes them.
#pragma once

#include "base/result.hpp"

struct rte_device;

namespace dpdkbond {

class EmbeddedBond;

bool enter_instance(EmbeddedBond& port); // false: one of them has its name
void leave_instance(EmbeddedBond& port); // nobody asks it any more when this returns

// Of all of them: EmbeddedBond::detaching() and detached(), and stop().
Result<void> member_is_detaching(const rte_device* device);
void member_is_detached(const rte_device* device);
void stop_instances();

} // namespace dpdkbond

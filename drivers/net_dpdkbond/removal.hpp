// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace dpdkbond {

// ethdev tells of a port that goes when its driver has freed it already, and a thread may be in the middle of
// a burst then. From now on, before a bus takes a device out, the bonds that have it as a member let it go,
// once no thread uses it; and before EAL takes all of them out, at its end, the bonds stop. Once or more; the
// thread that makes devices.
void watch_removals();

} // namespace dpdkbond

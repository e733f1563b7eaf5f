// SPDX-License-Identifier: BSD-3-Clause
// Changes of a netdev whose name may be another's by now. Ordinary threads, in the namespace of the caller.
#pragma once

#include <cstdint>

#include "base/mac.hpp"
#include "base/result.hpp"

namespace dpdkbond {

// Errors name the netdev as it is called now.
Result<void> set_mac_of(int ifindex, const Mac& mac);
Result<void> set_mtu_of(int ifindex, std::uint32_t mtu);

} // namespace dpdkbond

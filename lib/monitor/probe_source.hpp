// SPDX-License-Identifier: BSD-3-Clause
// On whose behalf a probe is sent, and what a frame that came back says of the path.
#pragma once

#include <cstdint>

#include "base/ip.hpp"
#include "base/mac.hpp"
#include "proto/eth.hpp"

namespace dpdkbond {

struct ProbeSource {
    IpPrefix address{}; // unspecified: the interface has none to ask with
    Mac mac{};
    VlanTags tags{};
};

// A received frame that concerns the target of this number: something that the target said, or (echo) our own
// question as a switch floods it to the other members. Whether `own` is ours is for the caller to say.
template <class Address> struct HeardProbe {
    std::uint8_t target = 0;
    bool echo = false;
    bool answer = false; // a reply or an advertisement
    bool to_all = false; // said to everybody, so to us
    Address own{};
};

} // namespace dpdkbond
